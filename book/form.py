"""The form of a page: which code stays open, and how long the page takes to read."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

from book.execute import read
from helpers import chapters

LINES_OPEN = 12
WORDS_A_MINUTE = 170
SECONDS = {"formulas": 45, "lines of code": 6, "sliders": 90, "claims": 15}
FORMULA = re.compile(r"\$\$.*?\$\$|^```\{math\}.*?^```", re.DOTALL | re.MULTILINE)
NOT_WORDS = re.compile(r"\$[^$]*\$|^:?\w+:.*$|^```.*$|\{[\w:]+\}|https?://\S+", re.MULTILINE)
EXERCISES = re.compile(r"^## Exercises", re.MULTILINE)


def fold_name(source: str, graded: bool = False) -> str:
    """The name under which a cell's code is folded; '' for code that stays open.

    Definitions stay open, and the few lines that use them. What only imports, claims, says, checks
    or plots is plumbing.
    """
    if graded:
        return "The check"
    body = ast.parse(source).body
    functions = [node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    if any(not chapters.is_definition(node) for node in functions):
        return "Code for this figure"
    if functions:
        return ""
    calls = [node.func for node in ast.walk(ast.Module(body, [])) if isinstance(node, ast.Call)]
    called = [function.id for function in calls if isinstance(function, ast.Name)]
    if count := called.count("claim"):
        return "Code for this claim" if count == 1 else "Code for these claims"
    if "say" in called:
        return "Code for this table" if "|---" in source else "Code for these numbers"
    if "check" in called:
        return "Code for this check"
    if all(isinstance(node, ast.Import | ast.ImportFrom) for node in body):
        return "Imports"
    return "Code for this experiment" if source.count("\n") >= LINES_OPEN else ""


@dataclass
class Counts:
    """What a reader of a page goes through; exercises are counted apart."""

    words: int = 0
    formulas: int = 0
    lines: int = 0
    exercises: int = 0


def counts(page: Path) -> Counts:
    """Words, displayed formulas and lines of open code of a page, up to its exercises."""
    found, here = Counts(), True
    for cell in read(page).cells:
        if cell.cell_type == "code":
            graded = cell.metadata.get("nbgrader", {}).get("grade", False)
            if here and not fold_name(cell.source, graded):
                found.lines += cell.source.count("\n") + 1
            continue
        found.exercises += cell.source.count("```{exercise}")
        before, *after = EXERCISES.split(cell.source, maxsplit=1)
        if here:
            found.formulas += len(FORMULA.findall(before))
            found.words += len(NOT_WORDS.sub(" ", FORMULA.sub(" ", before)).split())
        here = here and not after
    return found


def sliders(run) -> int:
    """How many figures of a page have controls."""
    return sum(figure["settings"] > 1 or figure.get("live", False) for figure in run.figures)


def minutes(page: Path, run) -> int:
    """Minutes that an attentive reader needs for a page without its exercises.

    `run` is the page's execution, which knows its figures and claims (`_ext/executed.py`).
    """
    found = counts(page)
    numbers = {"formulas": found.formulas, "lines of code": found.lines}
    numbers |= {"sliders": sliders(run), "claims": len(run.claims)}
    seconds = sum(SECONDS[what] * number for what, number in numbers.items())
    return max(1, round(found.words / WORDS_A_MINUTE + seconds / 60))
