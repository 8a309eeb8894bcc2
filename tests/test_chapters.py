"""Importing the definitions of a chapter."""

import sys

import pytest

from helpers import chapter, chapters

SOURCE = """---
jupytext:
  text_representation:
    format_name: myst
kernelspec:
  name: python3
  display_name: Python 3
---

# Title

```{code-cell} ipython3
import math

from helpers import chapter, explore

STEPS = 3
N = undefined_name
other = chapter("deep/dive")
ratio = math.nan + undefined_name
```

```{code-cell} ipython3
def twice(x):
    return STEPS * x


class Thing:
    size = 2


@explore(n=(1, 3))
def picture(n=1):
    \"\"\"Not taken.\"\"\"

twice(undefined_name)
```
"""


@pytest.fixture
def book(tmp_path, monkeypatch):
    (tmp_path / "chapters" / "deep").mkdir(parents=True)
    (tmp_path / "chapters" / "toy.md").write_text(SOURCE)
    (tmp_path / "chapters" / "deep" / "dive.md").write_text(SOURCE)
    monkeypatch.setattr(chapters, "REPOSITORY", tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("chapters.")]:
        del sys.modules[name]


def test_definitions_only(book):
    toy = chapter("toy")
    assert toy.twice(2) == 6 and toy.Thing.size == 2 and toy.math.pi > 3
    assert not any(hasattr(toy, name) for name in ("picture", "ratio", "N"))
    assert toy.other is chapter("deep/dive")
    assert chapter("toy") is toy
    assert chapter("deep/dive").twice(1) == 3


def test_the_wheels_copy_is_used_where_there_is_no_repository(book, monkeypatch):
    (book / "_sources").mkdir()
    (book / "chapters").rename(book / "_sources" / "chapters")
    monkeypatch.setattr(chapters, "INSTALLED", book / "_sources")
    assert chapter("toy").twice(2) == 6


def test_a_chapter_that_does_not_exist_is_named(book):
    with pytest.raises(ModuleNotFoundError, match="no chapter 'toyy'; did you mean 'toy'"):
        chapter("toyy")
    with pytest.raises(ModuleNotFoundError, match="the chapters are deep/dive, toy"):
        chapter("quantum")


def test_a_chapter_that_fails_is_not_kept(book):
    (book / "chapters" / "toy.md").write_text(SOURCE.replace("STEPS = 3", "STEPS = 1 / 0"))
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            chapter("toy")
