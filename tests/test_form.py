"""The form of a page: code that stays open, reading time, code within 80 columns."""

import re
from types import SimpleNamespace

import pytest

from book import execute, form, tidy
from helpers import chapters

PAGES = pytest.mark.parametrize("page", execute.notebooks(), ids=execute.name)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("def f(x):\n    return x", ""),
        ("class A:\n    pass\n\nclaim('k', 'says', measured=A())", ""),
        ("V = solve(X)\nW = to_network(V)", ""),
        ("import math\nfrom torch import Tensor", "Imports"),
        (
            "def helper():\n    pass\n\n@explore(k=[1, 2])\ndef f(k=1):\n    pass",
            "Code for this figure",
        ),
        ("x = f(1)\nclaim('k', 'says', measured=x)", "Code for this claim"),
        ("for a in b:\n    claim('k', a)\nclaim('k', 'b')", "Code for these claims"),
        ("say('| a |\\n|---|')", "Code for this table"),
        ("rows.claim(1)\nsay(f'{x}')", "Code for these numbers"),
        ("check('x', 1, 1)", "Code for this check"),
        ("\n".join(f"x{i} = {i}" for i in range(form.LINES_OPEN)), ""),
        ("\n".join(f"x{i} = {i}" for i in range(form.LINES_OPEN + 1)), "Code for this experiment"),
    ],
)
def test_definitions_stay_open_and_plumbing_is_folded(source, name):
    assert form.fold_name(source) == name
    assert form.fold_name(source, graded=True) == "The check"


PAGE = """---
kernelspec: {name: python3}
---
# A page
Four words of prose with $x + y$ in it.

$$
a = b
$$ (label)

```{code-cell} ipython3
def f():
    return 1
```

```{code-cell} ipython3
say("x")
```

## Exercises

```{exercise} One
:label: one
Many words here.
```

```{code-cell} ipython3
def g():
    return 1
```
"""


def test_a_reader_reads_words_formulas_and_open_code_and_exercises_apart(tmp_path):
    (tmp_path / "page.md").write_text(PAGE, encoding="utf-8")
    found = form.counts(tmp_path / "page.md")
    assert found == form.Counts(words=11, formulas=1, lines=2, exercises=1)
    figures = [{"settings": 5}] * 4 + [{"settings": 1}]
    run = SimpleNamespace(figures=figures, claims=[{}] * 8)
    minutes = form.minutes(tmp_path / "page.md", run)
    assert minutes == round(11 / 170 + (45 + 2 * 6 + 4 * 90 + 8 * 15) / 60)


@PAGES
def test_code_has_80_columns(page):
    wide = [
        f"{execute.name(page)}.md:{first + n}: {len(line)} columns"
        for first, cell in chapters.code_cells(page)
        for n, line in enumerate(cell.splitlines())
        if len(line) > tidy.COLUMNS
    ]
    assert not wide, "\n".join(wide)


@PAGES
def test_code_is_formatted(page):
    text = page.read_text(encoding="utf-8")
    assert tidy.tidied(page) == text, f"{execute.name(page)}.md: run `make tidy`"


@PAGES
def test_what_claims_and_says_is_folded(page):
    """A definition in the same cell would keep it open."""
    shown = [
        f"{execute.name(page)}.md:{line}"
        for line, cell in chapters.code_cells(page)
        if not form.fold_name(cell) and re.search(r"^(claim|say)\(", cell, re.MULTILINE)
    ]
    assert not shown, "cut the cell before its claim: " + ", ".join(shown)
