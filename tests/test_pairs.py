"""Each chapter is a pair in step, committed without outputs, listed in the table of contents."""

import nbformat
import pytest

from book import execute, pairs

SOURCES = pairs.sources()


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)
def test_the_pair_is_in_step(source):
    target = source.with_suffix(".ipynb")
    assert target.exists(), f"{target.name} is missing: run `make pairs`"
    written = target.read_text(encoding="utf-8")
    outputs = [c for c in nbformat.reads(written, 4).cells if c.get("outputs")]
    assert not outputs, f"{target.name} is kept without outputs: run `make pairs`"
    assert written == pairs.notebook_text(source), (
        f"{target.name} and {source.name} differ: keep what you edited last, by `make pairs` "
        f"(from the .md) or `jupytext --to md:myst {target.name}` (from the .ipynb)"
    )


def test_no_notebook_stands_alone():
    notebooks = set(pairs.CHAPTERS.rglob("*.ipynb"))
    paired = {source.with_suffix(".ipynb") for source in SOURCES}
    strays = {p for p in notebooks - paired if ".ipynb_checkpoints" not in p.parts}
    assert not strays, f"no .md beside {strays}"


def test_every_chapter_is_in_the_table_of_contents():
    assert set(SOURCES) <= set(execute.notebooks())
