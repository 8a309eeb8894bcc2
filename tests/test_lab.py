"""Chapters in a real JupyterLab: a slider moves its figure; opening, running, saving is no edit."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, TimeoutError

from book import pairs
from tests.conftest import ROOT
from tests.visit import PATIENCE_MS

TOKEN = "a-token-for-this-test"
SECONDS_TO_START = 600
STEP_MS = 2_000
PAIR = ("chapters/kan/symbols.md", "chapters/kan/symbols.ipynb")


@pytest.fixture
def lab(tmp_path):
    with serving(tmp_path) as address:
        yield address


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[str]:
    """JupyterLab over a copy of the chapters, so that saving changes nothing here."""
    shutil.copytree(ROOT / "chapters", folder / "chapters")
    shutil.copy(ROOT / "pyproject.toml", folder)
    settings = folder / "settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    (settings / "tracker.jupyterlab-settings").write_text('{"windowingMode": "none"}')
    environment = {k: v for k, v in os.environ.items() if k != "BOOK_RECORD"}
    environment |= {"JUPYTER_CONFIG_DIR": str(folder / "config"), "HOME": str(folder)}
    environment["JUPYTERLAB_SETTINGS_DIR"] = str(folder / "settings")
    command = [Path(sys.executable).parent / "jupyter", "lab", "--no-browser", "--allow-root"]
    command += ["--ServerApp.contents_manager_class=book.lab.Contents"]  # as `make lab` does
    command += [f"--IdentityProvider.token={TOKEN}", "--ServerApp.port=0", str(folder)]
    log = folder / "lab.log"
    with log.open("w") as stream:
        server = subprocess.Popen(command, stdout=stream, stderr=stream, env=environment)
        try:
            yield _address(log, server)
        finally:
            server.terminate()
            server.wait(timeout=60)


def _address(log: Path, server: subprocess.Popen) -> str:
    for _ in range(4 * SECONDS_TO_START):
        if found := re.search(r"http://127\.0\.0\.1:\d+/lab", log.read_text()):
            return found[0]
        assert server.poll() is None, log.read_text()
        time.sleep(0.25)
    raise AssertionError(f"JupyterLab did not start:\n{log.read_text()}")


def opened(browser, lab: str, address: str) -> Page:
    """A page of JupyterLab with one notebook open, and no other of an earlier page."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{lab}/tree/{address}?reset&token={TOKEN}")
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
    return page


def run(page: Page, command: str) -> None:
    """Choose a command of the menu Run until the kernel has answered for a cell.

    JupyterLab shows [*] for a request that it sends before the kernel listens, and on a busy
    machine such a request is lost. A kernel that does not answer is started again, each time
    with twice the patience.
    """
    answered = page.locator(".jp-InputPrompt", has_text=re.compile(r"\[\d+\]"))
    patience = 15_000
    while patience < PATIENCE_MS:
        idle(page)
        choose(page, "Run", command)
        if appears(answered.first, patience):
            return
        patience *= 2
        choose(page, "Kernel", "Restart Kernel…")
    prompts = page.locator(".jp-InputPrompt").all_inner_texts()
    raise AssertionError(f"JupyterLab does not run the cells; their prompts: {prompts}")


def appears(element: Locator, patience: int) -> bool:
    """Whether an element is there in some milliseconds; dialogs that ask meanwhile are told yes.

    On a busy machine the dialog that asks for a kernel comes late, and covers the menu.
    """
    yes = element.page.locator(".jp-Dialog .jp-mod-accept")
    for _ in range(patience // STEP_MS):
        with contextlib.suppress(TimeoutError):
            element.wait_for(timeout=STEP_MS)
            return True
        with contextlib.suppress(TimeoutError):
            if yes.count():
                yes.first.click(timeout=STEP_MS)
    return False


def idle(page: Page) -> None:
    """Wait until the notebook's kernel is there and does nothing."""
    status = page.get_by_text("Python 3 (ipykernel) | Idle")
    assert appears(status.first, PATIENCE_MS), "JupyterLab's kernel is not idle"


def choose(page: Page, menu: str, command: str) -> None:
    """Choose a command of a menu, again where a dialog came between."""
    for _ in range(PATIENCE_MS // STEP_MS):
        with contextlib.suppress(TimeoutError):
            page.get_by_role("menuitem", name=menu, exact=True).click(timeout=STEP_MS)
            page.get_by_text(command, exact=True).click(timeout=STEP_MS)
            return
        page.keyboard.press("Escape")
        appears(page.locator(".jp-Dialog .jp-none"), STEP_MS)
    raise AssertionError(f"JupyterLab's menu {menu} has no {command}, or is covered")


def test_a_slider_moves_on_a_live_kernel(browser, lab, seen, tmp_path):
    """In a clone, too, whose files were written in any order: a notebook long after its text."""
    os.utime(tmp_path / PAIR[0], (946684800, 946684800))
    page = opened(browser, lab, PAIR[1])
    run(page, "Run All Cells")
    handle = page.locator(".jp-OutputArea .noUi-handle").first
    handle.wait_for(state="attached")
    seen("browser checks")
    box = page.locator(".jp-OutputArea .widget-vbox:has(.noUi-handle)").first
    picture = box.locator("svg, img").first
    picture.wait_for()
    before = box.inner_html()
    handle.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "([box, old]) => box.querySelector('svg, img').outerHTML !== old",
        arg=[box.element_handle(), re.search(r"<svg.*?</svg>|<img[^>]*>", before, re.DOTALL)[0]],
    )
    seen("browser checks")
    assert (
        page.locator(".jp-OutputArea [data-mime-type='application/vnd.jupyter.error']").count() == 0
    )


def test_opening_running_and_saving_is_no_edit(browser, lab, tmp_path, monkeypatch):
    """After `make pairs` both files are as they are committed."""
    page = opened(browser, lab, PAIR[1])
    text, notebook = (tmp_path / file for file in PAIR)
    before = notebook.stat().st_mtime_ns
    for way in ("arxiv.org/abs/", ".ipynb"):  # citations and links to chapters open something
        page.locator(f".jp-MarkdownCell a[href*='{way}']").first.wait_for(state="attached")
    page.locator(".jp-CodeCell .jp-InputArea").first.click()
    run(page, "Run Selected Cell")
    page.locator(".jp-InputPrompt", has_text="[1]").first.wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+s")
    deadline = time.monotonic() + SECONDS_TO_START
    while notebook.stat().st_mtime_ns == before:
        assert time.monotonic() < deadline, "JupyterLab did not save"
        time.sleep(0.2)
    page.wait_for_timeout(1000)  # the second file of the pair
    monkeypatch.setattr(pairs, "ROOT", tmp_path)
    monkeypatch.setattr(pairs, "CHAPTERS", tmp_path / "chapters")
    assert pairs.Pair.read(text).edited == []
    assert pairs.main() == 0
    for file in PAIR:
        assert (tmp_path / file).read_bytes() == (ROOT / file).read_bytes(), file
    assert names(tmp_path) == names(ROOT)


def names(folder: Path) -> set[Path]:
    """The notebooks below a folder's chapters."""
    found = (folder / "chapters").rglob("*.ipynb")
    return {p.relative_to(folder) for p in found if pairs.CHECKPOINTS not in p.parts}
