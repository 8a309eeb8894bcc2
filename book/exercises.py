"""The exercises of a page, the definitions that they need, and their hidden tests."""

import ast
import symtable
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import jupytext
from nbformat import NotebookNode

from book import pairs, stale, stubs
from helpers import chapters

HIDDEN = pairs.ROOT / "book" / "hidden"


class Exercise(NamedTuple):
    """An exercise of a page.

    Attributes:
        name: the `grade_id` of its answer, such as "kan-ex-1".
        text: the Markdown above the answer.
        source, check: the code of the worked answer, and of the check below it.
        wrong: an answer that the check must refuse.
        points: what a right answer is worth.
    """

    name: str
    text: str
    source: str
    check: str
    wrong: str
    points: float
    page: Path

    @property
    def answers(self) -> list[str]:
        """The names that the answer defines."""
        return [name for node in ast.parse(self.source).body for name in stale.defines(node)]


def of(page: Path) -> list[Exercise]:
    """The exercises of a page that have an answer to check.

    Raises:
        ValueError: no check follows an answer.
    """
    cells, found = jupytext.read(page).cells, []
    for before, cell, after in zip(cells, cells[1:], cells[2:] + [NotebookNode(metadata={})]):
        if cell.cell_type != "code" or not stubs.has_solution(cell.source):
            continue
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        marks = after.metadata.get("nbgrader", {})
        if not marks.get("grade"):
            raise ValueError(f"{pairs.place(page)}: no check follows the answer of {name}")
        text = before.source[max(before.source.rfind("```{exercise}"), 0) :]
        wrong = cell.metadata.get("wrong_answer", "")
        found.append(
            Exercise(name, text, cell.source, after.source, wrong, marks.get("points", 0), page)
        )
    return found


class Statement(NamedTuple):
    """A definition or an import, as it stands: what it defines and what it uses."""

    text: str
    cell: int
    defines: frozenset[str]
    uses: frozenset[str]


def statements(cells: Iterable[str], wanted=lambda node: True) -> list[Statement]:
    """The statements of some cells, with the comments above them; each imported name is one."""
    found = []
    for number, source in enumerate(cells):
        lines, end = source.splitlines(), 0
        for node in ast.parse(source).body:
            text = "\n".join(lines[end : node.end_lineno]).strip("\n")
            end = node.end_lineno
            if not wanted(node):
                continue
            if isinstance(node, ast.Import | ast.ImportFrom):
                for alias in node.names:
                    node.names = [alias]
                    names = frozenset(stale.defines(node))
                    found.append(Statement(ast.unparse(node), -1, names, frozenset()))
            else:
                names = frozenset(stale.defines(node))
                found.append(Statement(text, number, names, free_names(text)))
    return found


def free_names(source: str) -> frozenset[str]:
    """The names of the notebook or of Python that some code uses."""
    names, tables = set(), [symtable.symtable(source, "cell", "exec")]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        top = table.get_type() == "module"
        names |= {s.get_name() for s in table.get_symbols() if top or s.is_global()}
    return frozenset(names)


def needed(code: Iterable[str], known: list[Statement]) -> list[Statement]:
    """Those statements that some code uses, and what they use in turn, in their order."""
    names, todo = set(), set().union(*map(free_names, code))
    while todo:
        names |= todo
        uses = [statement.uses for statement in known if statement.defines & todo]
        todo = set().union(*uses) - names
    return [statement for statement in known if statement.defines & names]


def _imports(found: list[Statement]) -> str:
    """Imports as one cell, sorted; several names of one module on one line."""
    plain = sorted(s.text for s in found if s.text.startswith("import "))
    modules: dict[str, list[str]] = {}
    for statement in found:
        if statement.text.startswith("from "):
            module, name = statement.text.removeprefix("from ").split(" import ")
            modules.setdefault(module, []).append(name)
    lines = [f"from {module} import {', '.join(sorted(set(n)))}" for module, n in modules.items()]
    return "\n".join(plain + sorted(lines))


def scaffold(page: Path, code: Iterable[str]) -> list[str]:
    """The cells before the exercises: those imports and definitions of a page that code needs."""
    cells = [cell for _, cell in chapters.code_cells(page) if not stubs.has_solution(cell)]
    checks = {exercise.check.strip() for exercise in of(page)}
    cells = [cell for cell in cells if cell.strip() not in checks]
    found = needed(code, statements(cells, chapters.is_definition))
    texts: dict[int, list[str]] = {}
    for statement in found:
        if statement.cell >= 0:
            texts.setdefault(statement.cell, []).append(statement.text)
    imports = _imports([statement for statement in found if statement.cell < 0])
    bodies = ["\n\n\n".join(dict.fromkeys(parts)) for parts in texts.values()]
    return ([imports] if imports else []) + bodies


def hidden_file(page: Path, folder: Path | None = None) -> Path | None:
    """Where the hidden tests of a page stand: in the teacher's folder, else in the book's; for
    the teacher's own exercises never in the book's.
    """
    name = page.relative_to(pairs.CHAPTERS)
    homes = [folder] if folder and (folder / name).is_file() else [folder, HIDDEN]
    files = [home / name.with_suffix(".py") for home in homes if home]
    return next((file for file in files if file.is_file()), None)


def hidden_test(exercise: Exercise, file: Path | None) -> str:
    """The hidden test of an exercise as its cell runs it; '' where there is none.

    The names that the answer defines are handed to it, everything else it imports itself.
    """
    called = exercise.name.replace("-", "_")
    known = statements([file.read_text(encoding="utf-8")]) if file else []
    if not any(called in statement.defines for statement in known):
        return ""
    call = f"{called}({', '.join(exercise.answers)})"
    found = needed([call], known)
    parts = [_imports([s for s in found if s.cell < 0]), *(s.text for s in found if s.cell >= 0)]
    return "\n\n".join([*filter(None, parts), call])
