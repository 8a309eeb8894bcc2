"""Keep each chapter's .md and .ipynb in step, in the form in which jupytext and JupyterLab save.

Run as ``python -m book.pairs``. The .md is the source: the .ipynb is written from it, without
outputs and the same bytes each time, and the .md itself is brought into jupytext's form. The .ipynb
begins with one more cell, which makes it run anywhere (`book.first`), and its text is Markdown that
every tool shows (`book.plain`). A notebook that somebody edited by itself is not overwritten;
``KEEP=ipynb`` or ``KEEP=md`` says which side to keep, ``PAGES="kan"`` of which page.
"""

import copy
import difflib
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import jupytext
import jupytext.myst
import nbformat
from jupytext.config import load_jupytext_configuration_file
from nbformat import NotebookNode

from book import first, plain, settings

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = ROOT / "chapters"
FORMAT = "md:myst"
CONFIG = load_jupytext_configuration_file(str(ROOT / "pyproject.toml"))
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
WRITTEN = first.KEY
CHECKPOINTS = ".ipynb_checkpoints"
CONFLICT = re.compile(r"^(<{7}|>{7}) ", re.MULTILINE)
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


def both(cells: list[NotebookNode], front: dict, page: str = "") -> tuple[str, str]:
    """The texts of a pair's .md and .ipynb, as they are committed.

    Args:
        page: its name, such as "kan/bases".
        front: the notebook's metadata, as the .md has it in its front matter.
    """
    kept = {k: v for k, v in copy.deepcopy(front).items() if k not in ("language_info", WRITTEN)}
    nb = NotebookNode(nbformat=4, nbformat_minor=5, cells=list(map(_tidy, cells)))
    nb.metadata = nbformat.from_dict(kept | {"kernelspec": KERNEL})
    seen: dict[str, int] = {}
    for cell in nb.cells:
        seen[cell.source] = seen.get(cell.source, 0) + 1
        cell.id = _digest(f"{seen[cell.source]} {cell.source}")[:12]
    text = jupytext.writes(nb, FORMAT, config=CONFIG)
    for key in ("text_representation", "notebook_metadata_filter", "cell_metadata_filter"):
        nb.metadata["jupytext"].pop(key, None)
    mark = _mark(nb.cells)
    texts = [cell for cell in nb.cells if cell.cell_type == "markdown"]
    for cell, source in zip(texts, plain.plain([cell.source for cell in texts], page)):
        cell.source = source
    nb.metadata[WRITTEN] = {"cells": mark, "shown": _mark(nb.cells)}
    _fold(nb.cells)
    nb.cells.insert(0, first.cell())
    return text, nbformat.writes(nb, indent=1) + "\n"


def _without_first(notebook: NotebookNode) -> int:
    """Take out the first cell; how many there were."""
    kept = [cell for cell in notebook.cells if not first.is_it(cell)]
    number, notebook.cells = len(notebook.cells) - len(kept), kept
    return number


def _fold(cells: list[NotebookNode]) -> None:
    """Fold in JupyterLab what a page folds, and the worked solutions."""
    for cell in cells:
        if cell.cell_type == "code" and _is_folded(cell):
            cell.metadata.setdefault("jupyter", {})["source_hidden"] = True


def _is_folded(cell: NotebookNode) -> bool:
    from book import form, stubs  # which need this module

    graded = cell.metadata.get("nbgrader", {}).get("grade", False)
    try:
        return bool(form.fold_name(cell.source, graded)) or stubs.has_solution(cell.source)
    except SyntaxError:  # executing the page says where
        return False


def _tidy(cell: NotebookNode) -> NotebookNode:
    """A cell as it is committed: without outputs."""
    kept = NotebookNode(cell_type=cell.cell_type, source=cell.source, metadata=cell.metadata)
    if cell.cell_type == "code":
        kept.update(outputs=[], execution_count=None)
    return kept


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _content(cells: list[NotebookNode]) -> list[tuple]:
    """What the two files of a pair have in common."""
    return [(cell.cell_type, cell.source, cell.metadata) for cell in cells]


def _mark(cells: list[NotebookNode]) -> str:
    """What `make pairs` writes into a notebook, to know its own work again."""
    return _digest(json.dumps(_content(cells), sort_keys=True))


def _restore(notebook: NotebookNode) -> None:
    """Bring text back into the .md's form."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = plain.myst(cell.source)


def place(file: Path) -> Path:
    """A file as messages name it."""
    return file.relative_to(ROOT) if file.is_relative_to(ROOT) else file


@dataclass
class Pair:
    """The two files of a chapter, read.

    Attributes:
        mine: the .md as a notebook.
        theirs: the .ipynb, as jupytext would save it; None where there is none, or one that a merge
            left with conflict markers.
        untouched: whether the .ipynb is as `make pairs` wrote it, or as it was in the .md then.
        ahead: how many cells of the .ipynb are none of the .md's: 1 where it has the first cell.
        spilled: whether the .md has it as well: some editors save it there.
    """

    source: Path
    mine: NotebookNode
    theirs: NotebookNode | None
    untouched: bool = False
    ahead: int = 0
    spilled: bool = False

    @classmethod
    def read(cls, source: Path) -> "Pair":
        """Read both files.

        Raises:
            ValueError: conflict markers stand in the .md; the .ipynb is no notebook, or holds what
                an .md cannot hold. The message says where.
        """
        text = source.read_text(encoding="utf-8")
        if marker := CONFLICT.search(text):
            line = text.count("\n", 0, marker.start()) + 1
            raise ValueError(f"{place(source)}:{line}: a conflict marker; resolve it here first")
        mine, target = jupytext.reads(text, FORMAT), source.with_suffix(".ipynb")
        spilled = _without_first(mine)
        _restore(mine)
        theirs = target.read_text(encoding="utf-8") if target.exists() else "<<<<<<< none"
        if CONFLICT.search(theirs):
            return cls(source, mine, None, spilled=bool(spilled))
        try:
            notebook = nbformat.reads(theirs, 4)
        except Exception as error:
            why = str(error).splitlines()[0]
            raise ValueError(
                f"{place(target)} is no notebook ({why}); {_to_keep('md', source)}"
            ) from error
        for number, cell in enumerate(notebook.cells, start=1):
            if cell.get("attachments"):
                raise ValueError(
                    f"{place(target)}: cell {number} has an attachment, which an .md cannot hold; "
                    f"put the picture into book/_static, or {_to_keep('md', source)}"
                )
        ahead = _without_first(notebook)
        marks = notebook.metadata.get(WRITTEN, {})
        saved = jupytext.reads(jupytext.writes(notebook, FORMAT, config=CONFIG), FORMAT)
        untouched = _mark(saved.cells) == marks.get("shown")
        _restore(saved)
        untouched |= _mark(saved.cells) == marks.get("cells")
        for number, cell in enumerate(saved.cells, start=1 + ahead):
            if cell.cell_type == "markdown" and (rest := plain.broken(cell.source)):
                raise ValueError(
                    f"{place(target)}: cell {number} has {rest} without what belongs to it; put it "
                    f"back, or {_to_keep('md', source)}"
                )
        return cls(source, mine, saved, untouched, ahead, bool(spilled))

    @property
    def in_step(self) -> bool:
        """Whether the two files have the same cells."""
        return self.theirs is not None and _content(self.mine.cells) == _content(self.theirs.cells)

    @property
    def edited(self) -> list[str]:
        """How the .ipynb differs from the .md, if it is not as `make pairs` wrote it: a line a
        cell; none where the two are in step, or the .ipynb is only behind.
        """
        if self.theirs is None or self.in_step or self.untouched:
            return []
        mine, theirs = (_content(notebook.cells) for notebook in (self.mine, self.theirs))
        texts = [[cell[1] for cell in cells] for cells in (mine, theirs)]
        lines = []
        for kind, i, j, k, m in difflib.SequenceMatcher(None, *texts, autojunk=False).get_opcodes():
            if kind == "delete":
                lines += [f"the .ipynb lacks: {_first(cell)}" for cell in mine[i:j]]
            elif kind != "equal":
                what = "differs" if kind == "replace" else "is only in the .ipynb"
                old = {line for cell in mine[i:j] for line in cell[1].splitlines()}
                ahead = 1 + self.ahead
                lines += [f"cell {n + ahead} {what}: {_first(theirs[n], old)}" for n in range(k, m)]
        return lines or ["only metadata of cells, such as tags, differ"]

    @property
    def complaint(self) -> str:
        """What to say of an edited notebook: which cells, and how to keep which side."""
        lines, notebook = self.edited, self.source.with_suffix(".ipynb")
        shown = lines[:SHOWN] + [f"and {len(lines) - SHOWN} more"] * (len(lines) > SHOWN)
        return "\n    ".join(
            [
                f"{place(notebook)} was changed since `make pairs` wrote it, and differs from "
                f"{self.source.name}:",
                *shown,
                f"{_to_keep('ipynb', self.source)}; {_to_keep('md', self.source)}",
            ]
        )

    def texts(self, keep: str = "") -> tuple[str, str]:
        """Both files as they are committed."""
        chosen = self.theirs if keep == "ipynb" and self.edited else self.mine
        return both(chosen.cells, self.mine.metadata, _name(self.source))


def _first(cell: tuple, known: Iterable[str] = ()) -> str:
    """The first line of a cell that is not known already."""
    lines = cell[1].strip().splitlines() or [""]
    return f"{next((line for line in lines if line not in known), lines[0])[:70]!r}"


def _name(source: Path) -> str:
    return source.relative_to(CHAPTERS).with_suffix("").as_posix()


def _to_keep(side: str, source: Path) -> str:
    name = _name(source)
    return f'to keep the {side}: make pairs KEEP={side} PAGES="{name}"'


def committed(source: Path) -> bool:
    """Whether both files are as `make pairs` writes them."""
    files = (source, source.with_suffix(".ipynb"))
    try:
        texts = Pair.read(source).texts()
    except ValueError:
        return False
    return all(f.exists() and f.read_text(encoding="utf-8") == t for f, t in zip(files, texts))


def follow(pages: Iterable[Path]) -> dict[Path, str]:
    """Write those notebooks that are behind their .md; what to say of each that cannot be."""
    faults = {}
    for source in pages:
        try:
            pair = Pair.read(source)
        except ValueError as error:
            faults[source] = str(error)
            continue
        if pair.edited:
            faults[source] = pair.complaint
            continue
        text, notebook = pair.texts()
        if pair.spilled:
            _write(source, text)
        if not pair.in_step:
            _write(source.with_suffix(".ipynb"), notebook)
    return faults


def bring_into_step(source: Path, keep: str = "") -> None:
    """Bring both files of a pair into their committed form.

    Args:
        keep: "md" or "ipynb", the side to keep where the notebook was edited by itself.

    Raises:
        ValueError: see `Pair.read`, or the notebook was edited by itself and `keep` is empty.
    """
    try:
        pair = Pair.read(source)
    except ValueError:
        if keep != "md":
            raise
        pair = Pair(source, jupytext.reads(source.read_text(encoding="utf-8"), FORMAT), None)
    if pair.edited and not keep:
        raise ValueError(pair.complaint)
    text, notebook = pair.texts(keep)
    _write(source, text)
    _write(source.with_suffix(".ipynb"), notebook)


def _write(file: Path, text: str) -> None:
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        file.write_text(text, encoding="utf-8")
        print(f"wrote {place(file)}", flush=True)


@settings.command
def main() -> int:
    keep, names = os.environ.get("KEEP", ""), settings.pages()
    if keep not in ("", "md", "ipynb"):
        print(f"KEEP is md or ipynb, not {keep!r}", file=sys.stderr)
        return 1
    status = 0
    for source in sources():
        if names and _name(source) not in names:
            continue
        try:
            bring_into_step(source, keep)
        except ValueError as error:
            print(error, file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
