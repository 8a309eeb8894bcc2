"""What makes a notebook stale, and what does not; faults are told at their place."""

import os
import shutil
import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient

from book import execute as runner
from book import recorder, stale
from helpers import atlas, chapters
from tests.conftest import ROOT

HEAD = """---
jupytext:
  formats: ipynb,md:myst
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3 (ipykernel)
  language: python
  name: python3
---

# Title

"""
LENDER = (
    HEAD
    + """Prose.

```{code-cell} ipython3
import math

WIDTH = 3
UNUSED = 4


def area(x):
    \"\"\"The area.\"\"\"
    return WIDTH * side(x)


def side(x):
    return x  # the side
```

```{code-cell} ipython3
import sys

from IPython.display import Markdown, display

print("one")
print("two")
print("three", file=sys.stderr)
display(Markdown("**four**"), metadata={"kind": "four"})
area(2)
```
"""
)
BORROWER = (
    HEAD
    + """```{code-cell} ipython3
from helpers import chapter, claim, data

lender = chapter("lender")
points = data.shells
```

```{code-cell} ipython3
:tags: [hide-input]

claim("kan", "The area is six.", measured=lender.area(2), between=(5, 7),
      control=("no area", 0))
```
"""
)

DATA = """def table():
    return 1


def shells():
    return 3


def other():
    return 5
"""


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A book of two pages, of which one borrows from the other."""
    (tmp_path / "chapters").mkdir()
    (tmp_path / "helpers").mkdir()
    (tmp_path / "helpers" / "tool.py").write_text("import numpy\n\nX = 1  # one\n")
    (tmp_path / "helpers" / "data.py").write_text(DATA)
    (tmp_path / "chapters" / "lender.md").write_text(LENDER)
    (tmp_path / "chapters" / "borrower.md").write_text(BORROWER)
    monkeypatch.setattr(stale, "ROOT", tmp_path)
    monkeypatch.setenv("BOOK_SEED", "0")
    return tmp_path


def prints(book) -> tuple[str, str]:
    """The fingerprints of lender and borrower, as a new process finds them."""
    stale.forget()
    names = ("lender", "borrower")
    return tuple(stale.fingerprint(book / "chapters" / f"{name}.md") for name in names)


def changed(book, file: str, old: str, new: str) -> tuple[bool, bool]:
    """Whether an edit makes lender and borrower stale."""
    before, path = prints(book), book / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return tuple(a != b for a, b in zip(before, prints(book)))


LENT, OWN = "chapters/lender.md", "chapters/borrower.md"


@pytest.mark.parametrize(
    ("file", "old", "new", "stales"),
    [
        (LENT, "Prose.", "Other prose.", (False, False)),
        (LENT, "# the side", "# its side", (False, False)),
        (LENT, "UNUSED = 4", "UNUSED = 5", (True, False)),
        (LENT, "WIDTH = 3", "WIDTH = 2", (True, True)),
        (LENT, "return x ", "return 2 * x ", (True, True)),
        (LENT, "The area.", "An area.", (True, False)),
        (LENT, "import math", "import math, yaml", (True, True)),
        (OWN, "# Title", "# A title", (False, False)),
        (OWN, ":tags: [hide-input]\n", ":tags: [remove-input]\n", (False, False)),
        (OWN, "measured=lender.area(2)", "measured = lender.area( 2 )", (False, False)),
        (OWN, "(5, 7)", "(5, 8)", (False, True)),
        ("helpers/tool.py", "# one", "# two", (False, False)),
        ("helpers/tool.py", "X = 1", "X = 2", (True, True)),
        ("helpers/tool.py", "numpy", "scipy", (True, True)),
        ("helpers/data.py", "return 1", "return 2", (True, True)),
        ("helpers/data.py", "return 3", "return 4", (False, True)),
        ("helpers/data.py", "return 5", "return 6", (False, False)),
    ],
)
def test_an_edit(book, file, old, new, stales):
    assert changed(book, file, old, new) == stales


def test_a_chapter_that_is_handed_on_whole_counts_as_a_whole(book):
    path = book / "chapters" / "borrower.md"
    path.write_text(BORROWER.replace("lender.area(2)", "use(lender)"))
    assert changed(book, LENT, "UNUSED = 4", "UNUSED = 5") == (True, True)


def test_seed_titles_and_versions_count(book, monkeypatch):
    start = prints(book)
    monkeypatch.setenv("BOOK_SEED", "1")
    assert all(a != b for a, b in zip(start, prints(book)))
    monkeypatch.setenv("BOOK_SEED", "0")
    with monkeypatch.context() as patch:
        title = {"kan": {**atlas.paper("kan"), "title": "Another title"}}
        patch.setattr(stale, "papers", lambda: title)
        assert [a != b for a, b in zip(start, prints(book))] == [False, True]
    versions = stale.importlib.metadata.version
    monkeypatch.setattr(
        stale.importlib.metadata, "version", lambda n: "0" if n == "numpy" else versions(n)
    )
    assert all(a != b for a, b in zip(start, prints(book)))


def test_a_syntax_error_names_file_and_line(book):
    path = book / "chapters" / "lender.md"
    path.write_text(LENDER.replace("return x ", "return x x "))
    line = path.read_text().split("return x x")[0].count("\n") + 1
    with pytest.raises(SyntaxError) as caught:
        prints(book)
    assert (caught.value.filename, caught.value.lineno) == (str(path), line)


def test_lines_of_definitions_are_those_of_the_file(book):
    nodes = chapters.definitions(book / "chapters" / "lender.md").body
    area = next(node for node in nodes if getattr(node, "name", "") == "area")
    assert LENDER.splitlines()[area.lineno - 1] == "def area(x):"


@pytest.fixture
def house(book):
    """The book of two pages as a repository that can execute them."""
    for folder in ("book", "helpers"):
        shutil.copytree(ROOT / folder, book / folder, dirs_exist_ok=True)
    for name in ("pyproject.toml", "_config.yml"):
        shutil.copy(ROOT / name, book)
    toc = "format: jb-book\nroot: chapters/lender\nchapters: [file: chapters/borrower]\n"
    (book / "_toc.yml").write_text(toc)
    return book


def execute(house) -> tuple[int, str]:
    """Execute what is stale: the status, and what was printed."""
    environment = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    environment["PYTHONPATH"] = str(house)
    command = [sys.executable, "-m", "book.execute", "_build"]
    done = subprocess.run(command, cwd=house, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def outputs(notebook) -> list[dict]:
    """The outputs of a notebook's code cells, in what a page shows of them."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = [dict(output) for cell in code for output in cell.outputs]
    return [{k: v for k, v in output.items() if k != "execution_count"} for output in shown]


def test_a_record_is_what_nbclient_would_see(house, monkeypatch):
    """nbval's run, recorded, against the executor that MyST-NB and nbconvert use."""
    page = house / "chapters" / "lender.md"
    page.with_name("borrower.md").unlink()
    (house / "_toc.yml").write_text("format: jb-book\nroot: chapters/lender\n")
    assert execute(house)[0] == 0
    monkeypatch.setattr(runner, "CHAPTERS", house / "chapters")
    recorded = runner.recorded(runner.open_cache(house / "_build"), page)
    theirs = runner.read(page)
    NotebookClient(theirs, resources={"metadata": {"path": str(page.parent)}}).execute()
    assert outputs(recorded) == outputs(theirs)
    assert {"stream", "display_data", "execute_result"} == {
        output["output_type"] for output in outputs(recorded)
    }


def test_pieces_of_one_stream_become_one():
    pieces = [("stdout", "a"), ("stdout", "b"), ("stderr", "c"), ("stdout", "d")]
    stream = [nbformat.v4.new_output("stream", name=name, text=text) for name, text in pieces]
    merged = [(output.name, output.text) for output in recorder.merged(stream)]
    assert merged == [("stdout", "ab"), ("stderr", "c"), ("stdout", "d")]


def test_execution_from_first_to_last(house):
    lender, borrower = (house / "chapters" / f"{name}.md" for name in ("lender", "borrower"))
    status, said = execute(house)
    assert status == 0 and "2 to execute" in said and "[2/2]" in said, said
    borrower.write_text(BORROWER.replace("claim(", "# a comment\nclaim("))
    status, said = execute(house)
    assert status == 0 and "0 to execute" in said and "wrote" in said, said
    lender.write_text(LENDER.replace("WIDTH = 3", "WIDTH = 1"))
    status, said = execute(house)
    line = borrower.read_text().split("claim(")[0].count("\n") + 1
    assert status == 1 and "2 to execute" in said
    assert f"chapters/borrower.md:{line}: ClaimFailed: measured 2, bar between 5 and 7" in said
    lender.write_text(LENDER.replace("WIDTH = 3", "WIDTH = missing"))
    status, said = execute(house)
    line = LENDER.split("WIDTH = 3")[0].count("\n") + 1
    assert f"chapters/lender.md:{line}: NameError: name 'missing' is not defined" in said
    assert (
        f"chapters/lender.md:{line}: NameError" in said and "(called from chapters/borrower" in said
    )
    lender.write_text(LENDER.replace("WIDTH = 3", "WIDTH = = 3"))
    status, said = execute(house)
    assert status == 1 and f"chapters/lender.md:{line}: SyntaxError: invalid syntax" in said
