"""The definitions of one chapter as a module for another."""

import ast
import difflib
import re
import sys
from pathlib import Path
from types import ModuleType

from helpers.atlas import INSTALLED, REPOSITORY, source

DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
CELL = re.compile(r"(`{3,})\{code-cell\}")


def chapter(name: str) -> ModuleType:
    """Import what a chapter defines, without running its experiments.

    Taken are imports (``x = chapter("...")`` too), functions, classes and constants (in capitals);
    figures and all other statements are left out. A second call returns the same module.

    Args:
        name: the file under ``chapters/`` without its ending, e.g. "kan" or "ntk/graphs".

    Raises:
        ModuleNotFoundError: there is no such chapter; the message lists those there are.
    """
    module_name = f"chapters.{name.replace('/', '.')}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    path = _find(name)
    code = compile(definitions(path), str(path), "exec")
    module = ModuleType(module_name, f"Definitions of {path.name}")
    module.__file__ = str(path)
    sys.modules[module_name] = module
    try:
        exec(code, module.__dict__)
    except BaseException:
        del sys.modules[module_name]
        raise
    return module


def definitions(path: Path) -> ast.Module:
    """A chapter's imports, functions, classes and constants, with their lines in its file.

    Raises:
        SyntaxError: a cell is no Python; file and line are those of the chapter.
    """
    trees = (parsed(source, path, line) for line, source in code_cells(path))
    return ast.Module([node for tree in trees for node in tree.body if is_definition(node)], [])


def code_cells(path: Path) -> list[tuple[int, str]]:
    """A chapter's code cells: the line of the file on which each begins, and its source."""
    lines = path.read_text(encoding="utf-8").splitlines()
    found, n = [], 0
    while n < len(lines):
        n += 1
        if not (fence := CELL.match(lines[n - 1])):
            continue
        end = next((i for i in range(n, len(lines)) if lines[i].rstrip() == fence[1]), len(lines))
        if n < end and lines[n] == "---":
            n = next((i for i in range(n + 1, end) if lines[i] == "---"), n) + 1
        while n < end and (lines[n].startswith(":") or not lines[n].strip()):
            n += 1
        found.append((n + 1, "\n".join(lines[n:end]).rstrip()))
        n = end + 1
    return found


def parsed(source: str, path: Path, line: int) -> ast.Module:
    """The tree of a cell that begins on a line of a file, on which errors report.

    Raises:
        SyntaxError: the cell is no Python; file and line are those of the chapter.
    """
    return ast.parse("\n" * (line - 1) + source, filename=str(path))


def is_definition(node: ast.stmt) -> bool:
    """Whether a chapter's statement is one that other chapters may use."""
    if isinstance(node, ast.FunctionDef):
        return not any(
            ast.unparse(d).startswith(("explore(", "live(")) for d in node.decorator_list
        )
    if isinstance(node, ast.Assign):
        names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        constant = any(name.isupper() and len(name) > 1 for name in names)
        return constant or ast.unparse(node.value).startswith("chapter(")
    return isinstance(node, DEFINITIONS)


def _find(name: str) -> Path:
    folder = source(REPOSITORY / "chapters", INSTALLED / "chapters")
    path = folder / f"{name}.md"
    if not path.is_file():
        known = sorted(
            p.relative_to(folder).with_suffix("").as_posix()
            for p in folder.rglob("*.md")
            if ".ipynb_checkpoints" not in p.parts
        )
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ModuleNotFoundError(
            f"there is no chapter {name!r}; {hint}the chapters are {', '.join(known)}"
        )
    return path
