"""What decides a page's outputs, as one hash: prose, comments and layout have no part in it.

Outputs follow from the page's code, from those definitions of other chapters that it uses, from
the helpers, from the packages that all these import, from the titles of the papers that it names,
and from BOOK_SEED. A page is stale when the hash of these has changed.
"""

import ast
import functools
import hashlib
import importlib.metadata
import json
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from book import stubs
from helpers import chapters
from helpers.atlas import papers
from helpers.runtime import book_seed

ROOT = Path(__file__).resolve().parent.parent
EVERYTHING = "*"
# Helpers that show what was measured, and measure nothing.
SHOWING = {"__init__", "atlas", "claims", "explorer", "frames", "knobs", "style", "telling"}
# Which decorators make a figure has no part in what is measured.
FIGURES = ('("explore(", "live(")', '"explore("')
# Data sets that every page's hash holds; of the others in helpers/data.py those that it uses.
SHIPPED = {"table", "camera"}
KERNEL = frozenset({"ipykernel", "matplotlib_inline"})


def fingerprint(page: Path) -> str:
    """The hash of all that decides what a page's cells show.

    Raises:
        SyntaxError: a cell of the page, or of a chapter that it uses, is no Python; file and line
            are those of the cell.
    """
    code = [chapters.parsed(cell, page, line) for line, cell in chapters.code_cells(page)]
    seen = look(code)
    definitions, modules = used_definitions(seen.taken)
    cells = [ast.unparse(tree) for tree in code]
    helpers, more = _helpers("live" in seen.names, _data_of(*cells, *definitions))
    parts = {
        "page": page.relative_to(ROOT).as_posix(),
        "cells": cells,
        "definitions": definitions,
        "helpers": helpers,
        "packages": packages(frozenset(seen.modules | modules | more | KERNEL)),
        "papers": [papers()[key]["title"] for key in sorted(seen.texts & papers().keys())],
        "python": sys.version_info[:2],
        "seed": book_seed(),
    }
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def measuring(page: Path) -> str:
    """The hash of the code that decides what a page's claims measure, under whichever seed.

    What draws figures or says sentences has no part in it, nor have exercises, versions of
    packages, or how the code is cut into cells.
    """
    cells = _without_exercises(chapters.code_cells(page))
    code = [chapters.parsed(cell, page, line) for line, cell in cells]
    kept = ast.Module([node for tree in code for node in tree.body if not _shows(node)], [])
    definitions, _ = used_definitions(look([kept]).taken)
    files = [f for f in sorted((ROOT / "helpers").glob("*.py")) if f.stem not in SHOWING]
    used = _data_of(bare(kept), *definitions)
    helpers = [bare(_helper(file, used, FIGURES)) for file in files]
    parts = [bare(kept), definitions, helpers]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _without_exercises(cells: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """A page's cells but for worked answers, and the check that follows each."""
    answers = [False, *(stubs.has_solution(source) for _, source in cells)]
    return [
        cell for cell, check, answer in zip(cells, answers, answers[1:]) if not (check or answer)
    ]


def _shows(node: ast.stmt) -> bool:
    """Whether a statement of a page is a figure, a sentence said, or an import of helpers."""
    if isinstance(node, ast.FunctionDef):
        return not chapters.is_definition(node)
    if isinstance(node, ast.ImportFrom):
        return node.module == "helpers"
    return isinstance(node, ast.Expr) and ast.unparse(node).startswith("say(")


def forget() -> None:
    """Read every file anew from here on."""
    for cached in (_chapter, _definition, _helpers, packages):
        cached.cache_clear()


@dataclass
class Seen:
    """What stands in some code.

    Attributes:
        names: variables and functions that it names.
        modules: top-level modules that it imports.
        texts: its string constants.
        borrowed: chapters that it gives a name, {"x": "kan"} for ``x = chapter("kan")``.
        taken: what it takes of chapters, as (chapter, name); EVERYTHING of one handed on whole.
    """

    names: set[str] = field(default_factory=set)
    modules: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    borrowed: dict[str, str] = field(default_factory=dict)
    taken: set[tuple[str, str]] = field(default_factory=set)


def look(code: Iterable[ast.AST], borrowed: dict[str, str] | None = None) -> Seen:
    """Read code once; `borrowed` are the chapters that it knows by a name already."""
    nodes = [node for tree in code for node in ast.walk(tree)]
    seen = Seen(borrowed=dict(borrowed or {}))
    bound, attributes = set(), []
    for node in nodes:
        if isinstance(node, ast.Name):
            seen.names.add(node.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            seen.texts.add(node.value)
        elif isinstance(node, ast.Attribute):
            attributes.append(node)
        elif isinstance(node, ast.Import):
            seen.modules |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            seen.modules.add(node.module.split(".")[0])
        elif isinstance(node, ast.Assign):
            for target, value in _bindings(node):
                if isinstance(target, ast.Name) and (name := _called(value)):
                    bound.add(value)
                    seen.borrowed[target.id] = name
    for node in attributes:
        if name := seen.borrowed.get(getattr(node.value, "id", "")) or _called(node.value):
            bound.add(node.value)
            seen.taken.add((name, node.attr))
    for node in nodes:
        if node not in bound and (name := _handed_on(node, seen.borrowed)):
            seen.taken.add((name, EVERYTHING))
    return seen


def _bindings(node: ast.Assign) -> list[tuple[ast.expr, ast.expr]]:
    """Each target of an assignment with its value; ``a, b = x, y`` has two."""
    found = []
    for target in node.targets:
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            found += zip(target.elts, node.value.elts)
        else:
            found.append((target, node.value))
    return found


def _called(node: ast.AST) -> str:
    """The chapter that an expression ``chapter("kan")`` asks for, else ''."""
    if not isinstance(node, ast.Call) or len(node.args) != 1:
        return ""
    function, name = node.func, node.args[0]
    named = getattr(function, "id", getattr(function, "attr", ""))
    return name.value if named == "chapter" and isinstance(name, ast.Constant) else ""


def _handed_on(node: ast.AST, borrowed: dict[str, str]) -> str:
    """The chapter that an expression hands on as a whole, else ''."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        return borrowed.get(node.id, "")
    return _called(node)


@dataclass(frozen=True)
class Chapter:
    """What another page can take from a chapter: its definitions by name."""

    named: dict[str, list[ast.stmt]]
    seen: Seen


@functools.cache
def _chapter(name: str) -> Chapter | None:
    path = ROOT / "chapters" / f"{name}.md"
    if not path.exists():
        return None  # running the page says so
    body, named = chapters.definitions(path).body, {}
    for node in body:
        for defined in defines(node):
            named.setdefault(defined, []).append(node)
    return Chapter(named, look(body))


def defines(node: ast.stmt) -> list[str]:
    """The names that a statement defines or imports."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [(alias.asname or alias.name).split(".")[0] for alias in node.names]
    targets = node.targets if isinstance(node, ast.Assign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


@functools.cache
def _definition(name: str, wanted: str) -> tuple[str, frozenset[tuple[str, str]]]:
    """One definition of a chapter as it runs, and what it uses, as (chapter, name)."""
    chapter = _chapter(name)
    nodes = chapter.named.get(wanted, [])
    seen = look(nodes, chapter.seen.borrowed)
    borrowed = chapter.seen.borrowed
    uses = {(name, used) for used in (seen.names & chapter.named.keys()) - borrowed.keys()}
    if wanted in borrowed:
        uses.add((borrowed[wanted], EVERYTHING))
    return "\n".join(map(bare, nodes)), frozenset(seen.taken | uses)


def used_definitions(taken: Iterable[tuple[str, str]]) -> tuple[list[str], set[str]]:
    """The definitions of chapters that are taken, with all that they use; modules imported."""
    found: dict[tuple[str, str], str] = {}
    modules: set[str] = set()
    todo = list(taken)
    while todo:
        name, wanted = todo.pop()
        chapter = _chapter(name)
        if chapter is None or (name, wanted) in found:
            continue
        modules |= chapter.seen.modules
        if wanted == EVERYTHING:
            found[name, wanted] = ""
            todo += [(name, every) for every in chapter.named]
        else:
            found[name, wanted], uses = _definition(name, wanted)
            todo += uses
    return [f"{name}.{key}: {text}" for (name, key), text in sorted(found.items())], modules


def bare(node: ast.AST) -> str:
    """Code as it runs: without comments, docstrings and layout."""
    copy = ast.parse(ast.unparse(node))
    for part in ast.walk(copy):
        documented = isinstance(part, ast.Module | ast.ClassDef | ast.FunctionDef)
        if documented and ast.get_docstring(part) is not None:
            part.body = part.body[1:] or [ast.Pass()]
    return ast.unparse(copy)


def _data_of(*code: str) -> frozenset[str]:
    """The data sets that some code names."""
    return frozenset(re.findall(r"\bdata\.(\w+)", "\n".join(code)))


def _helper(file: Path, used: frozenset[str], change=("", "")) -> ast.Module:
    """A helper, without data sets that are not used."""
    tree = ast.parse(file.read_text(encoding="utf-8").replace(*change))
    if file.name == "data.py":
        names = used | SHIPPED
        tree.body = [n for n in tree.body if not isinstance(n, ast.FunctionDef) or n.name in names]
    return tree


@functools.cache
def _helpers(live: bool, used: frozenset[str]) -> tuple[list[str], set[str]]:
    """The helpers' code as it runs, and the modules that they import; what writes live figures has
    no part in a page without one, nor has a data set that the page does not use.
    """
    folder = ROOT / "helpers"
    files = sorted(folder.rglob("*.py") if live else folder.glob("*.py"))
    trees = [_helper(file, used) for file in files]
    return list(map(bare, trees)), look(trees).modules


@functools.cache
def packages(modules: frozenset[str]) -> list[str]:
    """The installed versions of the packages that modules come from, and of what those need."""
    found = {package for module in modules for package in _packages_of(module)}
    return sorted(f"{name}=={importlib.metadata.version(name)}" for name in found)


@functools.cache
def _packages_of(module: str) -> set[str]:
    seen: set[str] = set()
    todo = list(_distributions().get(module, ()))
    while todo:
        name = canonicalize_name(todo.pop())
        if name not in seen:
            seen.add(name)
            todo += _needs(name)
    return seen


@functools.cache
def _distributions() -> dict[str, list[str]]:
    return importlib.metadata.packages_distributions()


@functools.cache
def _needs(package: str) -> list[str]:
    """The packages that a package requires."""
    needs = map(Requirement, importlib.metadata.requires(package) or ())
    return [n.name for n in needs if n.marker is None or n.marker.evaluate({"extra": ""})]
