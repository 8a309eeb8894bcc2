"""A core notebook alone in an empty folder, beside the book's wheel and what that depends on.

Nothing else is there: no checkout, no package that the wheel does not ask for. Of each core page
the code up to its first figure runs, and one page is run whole (together about 60 CPU seconds).
Frames are not drawn.
"""

import importlib.metadata
import json
import os
import shutil
import venv
from pathlib import Path
from zipfile import ZipFile

import nbformat
import pytest
from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from packaging.requirements import Requirement

from book import course, execute

CORE = [page for page in execute.notebooks() if page.parent == execute.CHAPTERS]
WHOLE = execute.page_named("quantization")
FIGURES = ("@explore", "@live")
PATIENCE = 600
WIDGET = "application/vnd.jupyter.widget-view+json"
WHERE = """
import helpers, importlib.util, os
print(os.path.join(*helpers.__file__.split(os.sep)[-3:]), importlib.util.find_spec("sphinx"))
"""


def requirements(name: str, extras: set[str], seen: dict) -> None:
    """Add the distributions that a package needs with some extras, and those that these need."""
    for wanted in map(Requirement, importlib.metadata.requires(name) or ()):
        asked = [{"extra": extra} for extra in ("", *extras)]
        asked = not wanted.marker or any(map(wanted.marker.evaluate, asked))
        if asked and wanted.name not in seen:
            seen[wanted.name] = importlib.metadata.distribution(wanted.name)
            requirements(wanted.name, wanted.extras, seen)


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """An environment with the wheel and its dependencies; the folder with its kernel."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder / "env", symlinks=True)
    packages = next((folder / "env" / "lib").glob("python*/site-packages"))
    with ZipFile(course.wheel(folder)) as wheel:
        wheel.extractall(packages)
    found = {}
    requirements("runnable-papers", set(), found)
    for distribution in found.values():
        home = Path(distribution.locate_file(""))
        for top in {file.parts[0] for file in distribution.files if file.parts[0] != ".."}:
            if not (packages / top).exists() and (home / top).exists():
                (packages / top).symlink_to(home / top)
    kernel = folder / "kernels" / "bare"
    kernel.mkdir(parents=True)
    command = [str(folder / "env" / "bin" / "python"), "-m", "ipykernel_launcher", "-f"]
    spec = {"argv": [*command, "{connection_file}"], "display_name": "bare", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec))
    return folder


def run(notebook, bare: Path, folder: Path):
    """Execute a notebook's cells in the bare environment, in a folder."""
    specs = KernelSpecManager(kernel_dirs=[str(bare / "kernels")], ensure_native_kernel=False)
    manager = KernelManager(kernel_name="bare", kernel_spec_manager=specs)
    place = {"metadata": {"path": str(folder)}}
    client = NotebookClient(
        notebook, km=manager, timeout=PATIENCE, startup_timeout=PATIENCE, resources=place
    )
    try:
        client.execute()
    finally:
        manager.shutdown_kernel(now=True)


def until_first_figure(notebook) -> None:
    """Leave out the cells after the first figure."""
    draws = [cell.source.startswith(FIGURES) for cell in notebook.cells]
    notebook.cells = notebook.cells[: draws.index(True) + 1]


@pytest.mark.parametrize("page", CORE, ids=execute.name)
def test_it_runs(page, bare, tmp_path, monkeypatch):
    for name in [n for n in os.environ if n.startswith(("BOOK_", "PYTHON"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / ".ipython"))
    folder = tmp_path / "alone"
    folder.mkdir()
    copy = Path(shutil.copy(page.with_suffix(".ipynb"), folder))
    notebook = nbformat.read(copy, 4)
    if page != WHOLE:
        until_first_figure(notebook)
    notebook.cells.append(nbformat.v4.new_code_cell(WHERE))
    run(notebook, bare, folder)
    assert notebook.cells[-1].outputs[0].text.split() == [
        str(Path("site-packages", "helpers", "__init__.py")),
        "None",
    ]
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert any(WIDGET in output.get("data", ()) for output in outputs)
