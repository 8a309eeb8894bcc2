"""Keep each chapter's .md and .ipynb in step, in the form in which jupytext and JupyterLab save.

Run as ``python -m book.pairs``. The .md is the source: the .ipynb is written from it, without
outputs and the same bytes each time, and the .md itself is brought into jupytext's form. A notebook
that somebody edited by itself is not overwritten; ``KEEP=ipynb`` or ``KEEP=md`` says which side
to keep.
"""

import difflib
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import jupytext
import jupytext.myst
import nbformat
from jupytext.config import load_jupytext_configuration_file
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = ROOT / "chapters"
FORMAT = "md:myst"
CONFIG = load_jupytext_configuration_file(str(ROOT / "pyproject.toml"))
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
WRITTEN = "runnable_papers"
CHECKPOINTS = ".ipynb_checkpoints"
CONFLICT = re.compile(r"^(<{7} |={7}$|>{7} )", re.MULTILINE)
SHOWN = 5


def _literal(dumper, text: str):
    """Several lines as a block, not as one quoted scalar."""
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


jupytext.myst.CompactDumper.add_representer(str, _literal)


def sources() -> list[Path]:
    """Every chapter's .md."""
    found = CHAPTERS.rglob("*.md")
    return sorted(p for p in found if CHECKPOINTS not in p.parts)


def both(notebook: NotebookNode) -> tuple[str, str]:
    """The texts of a pair's .md and .ipynb, as they are committed, for a notebook's cells."""
    pairing = dict(notebook.metadata.get("jupytext", {}))
    pairing.pop("text_representation", None)
    nb = NotebookNode(nbformat=4, nbformat_minor=5, cells=list(map(_tidy, notebook.cells)))
    nb.metadata = NotebookNode(jupytext=pairing, kernelspec=KERNEL)
    seen: dict[str, int] = {}
    for cell in nb.cells:
        seen[cell.source] = seen.get(cell.source, 0) + 1
        cell.id = _digest(f"{seen[cell.source]} {cell.source}")[:12]
    text = jupytext.writes(nb, FORMAT, config=CONFIG)
    nb.metadata[WRITTEN] = {"cells": _mark(_cells(nb))}
    return text, nbformat.writes(nb, indent=1) + "\n"


def _tidy(cell: NotebookNode) -> NotebookNode:
    """A cell as it is committed: without outputs."""
    metadata = {key: value for key, value in cell.metadata.items() if key != "trusted"}
    kept = NotebookNode(cell_type=cell.cell_type, source=cell.source, metadata=metadata)
    if cell.cell_type == "code":
        kept.update(outputs=[], execution_count=None)
    return kept


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _cells(notebook: NotebookNode) -> list[tuple]:
    """What the two files of a pair have in common."""
    return [(c.cell_type, c.source, _tidy(c).metadata) for c in notebook.cells]


def _mark(cells: list[tuple]) -> str:
    """What `make pairs` writes into a notebook, to know its own work again."""
    return _digest(json.dumps(cells, sort_keys=True))


def read(file: Path) -> NotebookNode:
    """A file of a pair as a notebook.

    Raises:
        ValueError: conflict markers stand in it, or it is no notebook; the message says which.
    """
    text = file.read_text(encoding="utf-8")
    if marker := CONFLICT.search(text):
        line = text.count("\n", 0, marker.start()) + 1
        raise ValueError(f"{place(file)}:{line}: a conflict marker; resolve it in the .md first")
    try:
        return jupytext.reads(text, FORMAT) if file.suffix == ".md" else nbformat.reads(text, 4)
    except Exception as error:
        raise ValueError(f"{place(file)}: {str(error).splitlines()[0]}") from error


def place(file: Path) -> Path:
    """A file as messages name it."""
    return file.relative_to(ROOT) if file.is_relative_to(ROOT) else file


def edited(source: Path) -> list[str]:
    """How a pair's .ipynb differs from its .md, if somebody edited the .ipynb by itself.

    Returns:
        A line a cell; none where the two are in step, or the .ipynb is as `make pairs` wrote it.

    Raises:
        ValueError: see `read`; a broken .ipynb is no obstacle, it is written anew.
    """
    mine = _cells(read(source))
    try:
        notebook = read(source.with_suffix(".ipynb"))
    except (FileNotFoundError, ValueError):
        return []
    theirs = _cells(notebook)
    if theirs == mine or notebook.metadata.get(WRITTEN, {}).get("cells") == _mark(theirs):
        return []
    lines = []
    texts = [[cell[1] for cell in cells] for cells in (mine, theirs)]
    for kind, i, j, k, m in difflib.SequenceMatcher(None, *texts, autojunk=False).get_opcodes():
        if kind == "delete":
            lines += [f"the .ipynb lacks: {_first(cell)}" for cell in mine[i:j]]
        elif kind != "equal":
            what = "differs" if kind == "replace" else "is only in the .ipynb"
            lines += [f"cell {n + 1} {what}: {_first(theirs[n])}" for n in range(k, m)]
    return lines or ["only metadata of cells, such as tags, differ"]


def _first(cell: tuple) -> str:
    lines = cell[1].strip().splitlines() or [""]
    return f"{lines[0][:70]!r}"


def in_step(source: Path) -> bool:
    """Whether the two files have the same cells."""
    try:
        return _cells(read(source)) == _cells(read(source.with_suffix(".ipynb")))
    except (FileNotFoundError, ValueError):
        return False


def committed(source: Path) -> bool:
    """Whether both files are as `pair` writes them."""
    try:
        texts = both(read(source))
    except ValueError:
        return False
    files = (source, source.with_suffix(".ipynb"))
    return all(f.exists() and f.read_text(encoding="utf-8") == t for f, t in zip(files, texts))


def complaint(source: Path, differences: list[str]) -> str:
    """A message that names the cells, and says how to keep which side."""
    notebook = place(source.with_suffix(".ipynb"))
    shown = differences[:SHOWN]
    if len(differences) > SHOWN:
        shown.append(f"and {len(differences) - SHOWN} more")
    listed = "".join(f"\n    {line}" for line in shown)
    return (
        f"{notebook} was edited by itself and differs from {source.name}:{listed}\n"
        f"  to keep the notebook's cells: make pairs KEEP=ipynb; the text's: make pairs KEEP=md"
    )


def follow(pages: Iterable[Path]) -> list[str]:
    """Write those notebooks that are behind their .md; a line for each that was edited itself."""
    faults = []
    for source in pages:
        try:
            differences = edited(source)
        except ValueError as error:
            faults.append(str(error))
            continue
        if differences:
            faults.append(complaint(source, differences))
        elif not in_step(source):
            _write(source.with_suffix(".ipynb"), both(read(source))[1])
    return faults


def pair(source: Path, keep: str = "") -> None:
    """Bring both files of a pair into their committed form.

    Args:
        keep: "md" or "ipynb", the side to keep where the notebook was edited by itself.

    Raises:
        ValueError: see `read`, or the notebook was edited by itself and `keep` is empty.
    """
    differences = edited(source)
    if differences and not keep:
        raise ValueError(complaint(source, differences))
    notebook = source.with_suffix(".ipynb")
    text, json_text = both(read(notebook if differences and keep == "ipynb" else source))
    _write(source, text)
    _write(notebook, json_text)


def _write(file: Path, text: str) -> None:
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        file.write_text(text, encoding="utf-8")
        print(f"wrote {place(file)}", flush=True)


def main() -> int:
    keep = os.environ.get("KEEP", "")
    if keep not in ("", "md", "ipynb"):
        print(f"KEEP is md or ipynb, not {keep!r}", file=sys.stderr)
        return 1
    status = 0
    for source in sources():
        try:
            pair(source, keep)
        except ValueError as error:
            print(error, file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
