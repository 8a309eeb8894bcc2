"""Each chapter is a pair in step, as jupytext and JupyterLab save it; no edit is lost silently."""

import json
import re
import shutil
import subprocess

import jupytext
import nbformat
import pytest
from nbformat import NotebookNode

from book import execute, pairs

SOURCES = pairs.sources()


@pytest.mark.parametrize("source", SOURCES, ids=execute.name)
def test_the_pair_is_as_make_pairs_writes_it(source):
    assert pairs.committed(source), f"run `make pairs`, and commit both files of {source.name}"


@pytest.mark.parametrize("source", SOURCES, ids=execute.name)
def test_the_notebook_validates_with_unique_cell_ids(source):
    notebook = nbformat.read(source.with_suffix(".ipynb"), nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)


def test_jupyterlab_folds_plumbing_and_solutions():
    """In the notebook alone: the text says nothing of it. A cell that is no Python stays open."""
    code = [
        "import math",
        "def f(x):\n    return x",
        "### BEGIN SOLUTION\n1\n### END SOLUTION",
        "%pip",
    ]
    text, notebook = pairs.both(list(map(nbformat.v4.new_code_cell, code)), {})
    cells = nbformat.reads(notebook, 4).cells
    folded = [cell.metadata.get("jupyter", {}).get("source_hidden", False) for cell in cells[1:]]
    assert folded == [True, False, True, False] and "source_hidden" not in text


def test_no_notebook_stands_alone():
    notebooks = {p for p in execute.CHAPTERS.rglob("*.ipynb") if pairs.CHECKPOINTS not in p.parts}
    strays = notebooks - {source.with_suffix(".ipynb") for source in SOURCES}
    assert not strays, f"no .md beside {strays}"


def test_every_chapter_is_in_the_table_of_contents():
    assert set(SOURCES) <= set(execute.notebooks()), "a line for each chapter in _toc.yml"


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A copy of one pair in a repository of its own."""
    (tmp_path / "chapters").mkdir()
    for ending in (".md", ".ipynb"):
        shutil.copy(execute.page_named("kan").with_suffix(ending), tmp_path / "chapters")
    monkeypatch.setattr(pairs, "ROOT", tmp_path)
    monkeypatch.setattr(pairs, "CHAPTERS", tmp_path / "chapters")
    monkeypatch.delenv("KEEP", raising=False)
    return tmp_path


def change(file, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


class TestMakePairs:
    @pytest.fixture(autouse=True)
    def pair(self, book):
        self.md, self.ipynb = (book / "chapters" / f"kan.{end}" for end in ("md", "ipynb"))

    def test_a_changed_text_is_written_to_the_notebook(self):
        change(self.md, "# Kolmogorov-Arnold", "# The Kolmogorov-Arnold")
        assert pairs.follow([self.md]) == {}
        assert "# The Kolmogorov-Arnold" in self.ipynb.read_text(encoding="utf-8")
        assert pairs.committed(self.md)

    def test_a_notebook_edited_by_itself_is_not_overwritten(self, capsys, monkeypatch):
        change(self.ipynb, "# Kolmogorov-Arnold", "# My Kolmogorov-Arnold")
        before = self.ipynb.read_bytes()
        assert pairs.main() == 1
        said = capsys.readouterr().err
        assert "cell 2 differs: '# My Kolmogorov-Arnold" in said
        assert "KEEP=ipynb" in said and "KEEP=md" in said
        assert len(pairs.follow([self.md])) == 1 and self.ipynb.read_bytes() == before
        monkeypatch.setenv("KEEP", "ipynb")
        assert pairs.main() == 0 and "# My Kolm" in self.md.read_text(encoding="utf-8")

    def test_keeping_the_text(self, monkeypatch):
        change(self.ipynb, "# Kolmogorov-Arnold", "# My Kolmogorov-Arnold")
        monkeypatch.setenv("KEEP", "md")
        assert pairs.main() == 0 and "# My Kolm" not in self.ipynb.read_text(encoding="utf-8")

    def test_a_deleted_cell_is_named(self):
        notebook = json.loads(self.ipynb.read_text(encoding="utf-8"))
        del notebook["cells"][1]
        self.ipynb.write_text(json.dumps(notebook), encoding="utf-8")
        assert pairs.Pair.read(self.md).edited == [
            "the .ipynb lacks: '# Kolmogorov-Arnold networks'"
        ]

    def test_conflict_markers_are_refused(self, capsys):
        change(self.md, "## Trust it", "<<<<<<< HEAD\n## Trust it")
        assert pairs.main() == 1
        assert re.search(r"kan\.md:\d+: a conflict marker", capsys.readouterr().err)

    def test_a_notebook_with_conflict_markers_is_written_anew(self):
        self.ipynb.write_text("<<<<<<< HEAD\n{", encoding="utf-8")
        assert pairs.main() == 0 and pairs.committed(self.md)

    def test_a_broken_notebook_is_not(self, capsys, monkeypatch):
        self.ipynb.write_text(self.ipynb.read_text(encoding="utf-8")[:-9], encoding="utf-8")
        before = self.ipynb.read_bytes()
        assert pairs.main() == 1 and self.ipynb.read_bytes() == before
        assert "kan.ipynb is no notebook" in capsys.readouterr().err
        monkeypatch.setenv("KEEP", "md")
        assert pairs.main() == 0 and pairs.committed(self.md)

    def test_an_attachment_is_named(self, capsys):
        notebook = nbformat.read(self.ipynb, 4)
        notebook.cells[0].attachments = {"a.png": {"image/png": "AAAA"}}
        nbformat.write(notebook, self.ipynb)
        assert pairs.main() == 1 and "cell 1 has an attachment" in capsys.readouterr().err

    def test_what_jupytext_leaves_out_is_no_edit(self):
        notebook = nbformat.read(self.ipynb, 4)
        notebook.cells[1].source += "\n\n"
        notebook.cells[2].metadata |= {"scrolled": True, "collapsed": False}
        notebook.cells.append(nbformat.v4.new_markdown_cell(""))
        nbformat.write(notebook, self.ipynb)
        assert pairs.main() == 0 and pairs.committed(self.md)

    def test_the_first_cell_is_no_edit(self):
        """Changed, run, deleted, or saved into the .md by another editor, it is as it was."""
        notebook = nbformat.read(self.ipynb, 4)
        notebook.cells[0].source += "\nx = 1"
        notebook.cells[0].execution_count = 1
        before = self.md.read_bytes()
        for cells in (notebook.cells, notebook.cells[1:]):
            nbformat.write(NotebookNode(notebook | {"cells": cells}), self.ipynb)
            assert pairs.Pair.read(self.md).edited == []
            assert pairs.main() == 0 and pairs.committed(self.md)
        self.md.write_text(jupytext.writes(notebook, pairs.FORMAT, config=pairs.CONFIG))
        assert "find_the_book" in self.md.read_text() and pairs.follow([self.md]) == {}
        assert self.md.read_bytes() == before and pairs.committed(self.md)

    def test_an_edit_of_plain_markdown_is_kept(self, monkeypatch):
        change(self.ipynb, "For every continuous", "For any continuous")
        change(self.ipynb, "(Kolmogorov-Arnold representation)", "(Arnold)")
        (line,) = pairs.Pair.read(self.md).edited
        assert line.startswith("cell 6 differs: ")
        before = self.md.read_text(encoding="utf-8").splitlines()
        monkeypatch.setenv("KEEP", "ipynb")
        assert pairs.main() == 0 and pairs.committed(self.md)
        after = self.md.read_text(encoding="utf-8").splitlines()
        changed = [new for old, new in zip(before, after, strict=True) if new != old]
        assert changed[0] == "```{prf:theorem} Arnold" and len(changed) == 2

    def test_a_form_that_an_edit_broke_is_named(self, capsys):
        change(self.ipynb, "<!-- end -->", "")
        assert pairs.main() == 1
        assert "cell 2 has <!-- admonition" in capsys.readouterr().err

    def test_another_page_s_new_title_is_no_edit(self, monkeypatch):
        titles = {"kan/symbols": "Another title"}
        monkeypatch.setattr(pairs.plain, "book", lambda: (titles, pairs.plain.labels("", "")))
        assert not pairs.committed(self.md) and pairs.Pair.read(self.md).edited == []
        assert pairs.main() == 0 and "[Another title](kan/symbols.ipynb" in self.ipynb.read_text()

    def test_front_matter_is_kept(self):
        change(self.md, "kernelspec:", "myst:\n  substitutions:\n    key: value\nkernelspec:")
        for _ in range(2):
            assert pairs.main() == 0 and "key: value" in self.md.read_text(encoding="utf-8")

    def test_checkpoints_are_no_chapters(self):
        folder = self.md.parent / pairs.CHECKPOINTS
        folder.mkdir()
        shutil.copy(self.md, folder / "kan-checkpoint.md")
        assert pairs.sources() == [self.md]

    def test_outputs_and_versions_are_taken_out(self):
        notebook = nbformat.read(self.ipynb, 4)
        code = next(cell for cell in notebook.cells[1:] if cell.cell_type == "code")
        code.outputs = [nbformat.v4.new_output("stream", text="3")]
        code.execution_count, code.metadata["trusted"] = 7, True
        notebook.metadata["language_info"] = {"name": "python", "version": "3.99"}
        nbformat.write(notebook, self.ipynb)
        assert pairs.Pair.read(self.md).edited == [] and not pairs.committed(self.md)
        assert pairs.main() == 0 and pairs.committed(self.md)


def test_two_branches_that_change_one_page(book):
    """The .md merges, or is resolved; the .ipynb stays valid, and `make pairs` writes it."""
    md, ipynb = (book / "chapters" / f"kan.{ending}" for ending in ("md", "ipynb"))
    shutil.copy(execute.ROOT / ".gitattributes", book)

    def git(*words: str) -> int:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
        return subprocess.run(["git", *identity, *words], cwd=book, capture_output=True).returncode

    git("init")
    git("add", "-A")
    git("commit", "-m", "start")
    for branch, old, new in (
        ("one", "## Trust it", "## Look"),
        ("two", "## Exercises", "## Make it"),
    ):
        git("checkout", "-b", branch, "main")
        change(md, old, new)
        pairs.main()
        assert git("commit", "-am", branch) == 0
    assert git("merge", "one") == 1
    nbformat.read(ipynb, nbformat.NO_CONVERT)
    assert pairs.main() == 0
    git("add", "-A")
    assert git("commit", "-m", "merged") == 0
    assert "## Look" in ipynb.read_text(encoding="utf-8")
    assert "## Make it" in ipynb.read_text(encoding="utf-8")
