"""The definitions of one chapter as a module for another."""

import ast
import difflib
import linecache
import sys
from pathlib import Path
from types import ModuleType

import jupytext

from helpers.atlas import INSTALLED, REPOSITORY, source

DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
FORMAT = {"extension": ".md", "format_name": "myst"}


def chapter(name: str) -> ModuleType:
    """Import what a chapter defines, without running its experiments.

    Taken are imports (``x = chapter("...")`` among them), functions, classes and constants (names
    in capitals); what `@explore` draws and every other statement is left out. A second call
    returns the same module.

    Args:
        name: the file under ``chapters/`` without its ending, e.g. "kan" or "ntk/graphs".

    Raises:
        ModuleNotFoundError: there is no such chapter; the message lists those there are.
    """
    module_name = f"chapters.{name.replace('/', '.')}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    path = _find(name)
    code = definitions(path)
    module = ModuleType(module_name, f"Definitions of {path.name}")
    module.__file__ = f"<definitions of {path}>"
    linecache.cache[module.__file__] = (len(code), None, code.splitlines(True), module.__file__)
    sys.modules[module_name] = module
    try:
        exec(compile(code, module.__file__, "exec"), module.__dict__)
    except BaseException:
        del sys.modules[module_name]
        raise
    return module


def definitions(path: Path) -> str:
    """The source of a chapter's imports, functions, classes and constants."""
    cells = (c.source for c in jupytext.read(path, fmt=FORMAT).cells if c.cell_type == "code")
    nodes = [node for cell in cells for node in ast.parse(cell).body if _is_definition(node)]
    return "\n\n".join(ast.unparse(node) for node in nodes) + "\n"


def _is_definition(node: ast.stmt) -> bool:
    if isinstance(node, ast.FunctionDef):
        return not any(ast.unparse(d).startswith("explore(") for d in node.decorator_list)
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
            p.relative_to(folder).with_suffix("").as_posix() for p in folder.rglob("*.md")
        )
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ModuleNotFoundError(
            f"there is no chapter {name!r}; {hint}the chapters are {', '.join(known)}"
        )
    return path
