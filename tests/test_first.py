"""The first cell of a notebook: nothing, an installation, or one sentence that says what to do."""

import re
import shutil
import sys
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

from book import course, execute, first, pairs, settings
from tests.conftest import ROOT

ADDRESS = "https://example.org/a/book"
PIP = f'install --quiet "runnable-papers @ git+{ADDRESS}"'
LIBRARY = [path for path in sys.path if path and not (Path(path) / "helpers").exists()]


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine without the book: an empty folder to work in, and one of installed packages."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "helpers"]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("work", "installed"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(sys, "path", ["", str(tmp_path / "installed"), *LIBRARY])
    return tmp_path


def package(folder: Path, source: str = "") -> None:
    """A package `helpers`: the book's, or one of another source."""
    source = source or (ROOT / "helpers" / "__init__.py").read_text(encoding="utf-8")
    (folder / "helpers").mkdir()
    (folder / "helpers" / "__init__.py").write_text(source)


def run(cell=None, pip=lambda: None) -> list[str]:
    """Run the cell as a kernel would; what it asks pip for."""
    asked = []

    class Kernel:
        def run_line_magic(self, name, line):
            asked.append(f"{name} {line}")
            pip()

    space = {"get_ipython": Kernel}
    exec(TransformerManager().transform_cell((cell or first.cell()).source), space)
    assert space.keys() == {"get_ipython", "__builtins__"}, "it leaves no name behind"
    return asked


def sentence(cell=None) -> str:
    """What the cell shows where it cannot go on; no line of a traceback."""
    with pytest.raises(ImportError) as caught:
        run(cell)
    assert caught.value._render_traceback_() == [str(caught.value)]
    return str(caught.value)


def test_it_does_nothing_where_the_book_is_installed(machine):
    package(machine / "installed")
    assert run() == []


def test_it_says_so_where_the_book_is_not_installed(machine):
    assert re.fullmatch(
        r"This notebook needs the package runnable-papers: in a clone of the book run `make lab`.*",
        sentence(),
    )


def test_it_installs_from_the_repository(machine, monkeypatch):
    monkeypatch.setattr(settings, "repository", lambda: ADDRESS)
    (machine / "work" / "helpers").mkdir()  # a folder without code is no package
    assert run(pip=lambda: package(machine / "installed")) == [f"pip {PIP}"]
    assert run() == []


def test_an_installation_that_fails_is_named(machine, monkeypatch):
    monkeypatch.setattr(settings, "repository", lambda: ADDRESS)
    assert sentence().endswith("its installation failed, see above.")


@pytest.mark.parametrize("installed", [False, True])
def test_a_file_that_hides_the_book_is_named(machine, installed):
    if installed:
        package(machine / "installed")
    (machine / "work" / "helpers.py").write_text("def mine(): ...\n")
    said = sentence()
    assert said.startswith(f"{machine}/work/helpers.py has the name of the book's package")
    assert "rename it, or move this notebook to another folder, restart the kernel" in said


def test_another_package_is_named(machine):
    """As the registry's, which a bare ImportError would make people install."""
    package(machine / "installed", "from helpers.cli import main\n")
    info = machine / "installed" / "helpers-0.2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: helpers\nVersion: 0.2.0\n")
    (info / "RECORD").write_text("helpers/__init__.py,,\n")
    said = sentence()
    assert said.startswith(f"{machine}/installed/helpers has the name of the book's package")
    assert "run `%pip uninstall -y helpers`, restart the kernel, and run this cell again" in said


@pytest.mark.parametrize("source", pairs.sources(), ids=execute.name)
def test_each_notebook_has_it_and_no_text(source):
    cells = nbformat.read(source.with_suffix(".ipynb"), 4).cells
    assert [first.is_it(cell) for cell in cells] == [True] + [False] * (len(cells) - 1)
    assert "find_the_book" not in source.read_text(encoding="utf-8")


@pytest.mark.page("kan")
def test_a_course_notebook_names_the_wheel(machine):
    cells = course.notebook(execute.page_named("kan")).cells
    cell = next(cell for cell in cells if first.is_it(cell))
    assert f"runnable_papers-{course.VERSION}-py3-none-any.whl" in sentence(cell)
    assert cell.metadata.nbgrader.locked and "nbgrader" not in first.cell().metadata


def test_the_repository_s_address_stands_in_one_place():
    """So that a book without one shows no dead link."""
    names = ("README.md", "CONTRIBUTING.md", "CITATION.cff", "pyproject.toml")
    texts = [
        *(ROOT / "book").glob("*.md"),
        *(ROOT / "book").glob("*.py"),
        *map(ROOT.joinpath, names),
    ]
    named = re.compile(r"[\w.]+/[\w.-]+/runnable-papers\b")
    assert [f for f in texts if named.search(f.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("address", ["", ADDRESS])
def test_pages_link_to_a_repository_that_there_is(tmp_path, monkeypatch, address):
    """The pages that name it, and the theme's buttons."""
    monkeypatch.syspath_prepend(ROOT / "book" / "_ext")
    monkeypatch.setattr(settings, "repository", lambda: address)
    for page in ("about", "how-to", "teach"):
        shutil.copy(ROOT / "book" / f"{page}.md", tmp_path)
    options = {
        "extensions": ["myst_parser", "address"],
        "root_doc": "about",
        "html_theme": "basic",
        "html_theme_options": {"launch_buttons": "rocket"},
        "suppress_warnings": ["*"],
    }
    with docutils_namespace():
        app = Sphinx(tmp_path, None, tmp_path / "out", tmp_path / "trees", "html", options, None)
        buttons = set(app.config.html_theme_options)
        monkeypatch.setattr(app.config, "html_theme_options", {})
        app.build()
    text = "".join(p.read_text(encoding="utf-8") for p in (tmp_path / "out").glob("*.html"))
    words = re.sub("<[^>]+>", "", text)
    assert words.count("@misc{") == 1 and "ADDRESS" not in text
    if address:
        assert f'href="{address}/issues/new/choose"' in text and f"git+{address}" in words
        assert f"url    = {{{address}}}" in words
        assert buttons == {"launch_buttons", "use_repository_button", "use_edit_page_button"}
    else:
        assert "issue" not in words and "git+" not in words and "rocket" not in words
        assert buttons == set()
