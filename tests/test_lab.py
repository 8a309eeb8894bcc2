"""A chapter in a real JupyterLab: run all cells, move a slider, the figure changes."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, TimeoutError

from tests.conftest import ROOT

TOKEN = "a-token-for-this-test"
MINUTES = 60_000


@pytest.fixture
def lab(tmp_path):
    """JupyterLab over a copy of the chapters, so that saving changes nothing here."""
    shutil.copytree(ROOT / "chapters", tmp_path / "chapters")
    settings = tmp_path / "settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    (settings / "tracker.jupyterlab-settings").write_text('{"windowingMode": "none"}')
    environment = {k: v for k, v in os.environ.items() if k != "BOOK_RECORD"}
    environment |= {"JUPYTER_CONFIG_DIR": str(tmp_path / "config"), "HOME": str(tmp_path)}
    environment["JUPYTERLAB_SETTINGS_DIR"] = str(tmp_path / "settings")
    command = [Path(sys.executable).parent / "jupyter", "lab", "--no-browser", "--allow-root"]
    command += [f"--IdentityProvider.token={TOKEN}", "--ServerApp.port=0", str(tmp_path)]
    log = tmp_path / "lab.log"
    with log.open("w") as stream:
        server = subprocess.Popen(command, stdout=stream, stderr=stream, env=environment)
        try:
            yield _address(log, server)
        finally:
            server.terminate()
            server.wait(timeout=20)


def _address(log: Path, server: subprocess.Popen) -> str:
    for _ in range(240):
        if found := re.search(r"http://127\.0\.0\.1:\d+/lab", log.read_text()):
            return found[0]
        assert server.poll() is None, log.read_text()
        time.sleep(0.25)
    raise AssertionError(f"JupyterLab did not start:\n{log.read_text()}")


def run_all(page: Page) -> None:
    """Choose Run All Cells, again if the kernel was not yet there to take it."""
    for _ in range(8):
        if page.locator(".jp-Dialog").count():  # which kernel, while it is still starting
            page.locator(".jp-Dialog .jp-mod-accept").click()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_text("Run All Cells", exact=True).click()
        running = page.locator(".jp-InputPrompt", has_text=re.compile(r"\[(\*|\d+)\]"))
        with contextlib.suppress(TimeoutError):
            running.first.wait_for(timeout=5_000)
            return
    raise AssertionError("JupyterLab does not run the cells")


def test_a_slider_moves_on_a_live_kernel(browser, lab, seen):
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.goto(f"{lab}/tree/chapters/kan.ipynb?token={TOKEN}")
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=2 * MINUTES)
    run_all(page)
    handle = page.locator(".jp-OutputArea .noUi-handle").first
    handle.wait_for(state="attached", timeout=3 * MINUTES)
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
        timeout=2 * MINUTES,
    )
    seen("browser checks")
    assert (
        page.locator(".jp-OutputArea [data-mime-type='application/vnd.jupyter.error']").count() == 0
    )
