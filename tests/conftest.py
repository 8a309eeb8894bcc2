"""What the tests share: the built site, a server, a browser, and the closing count."""

import functools
import http.server
import os
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
import yaml

from book import execute
from tests import selection

ROOT = execute.ROOT
WAITING = yaml.safe_load((ROOT / "tests" / "waiting.yml").read_text(encoding="utf-8"))
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
KINDS = {
    "test_browser": "pages in the browser",
    "test_lab": "JupyterLab",
    "test_exercises": "exercises",
    "test_hidden": "exercises",
    "test_course": "the course",
    "test_book": "the built book",
}
OTHER = "definitions and helpers"


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_) -> None:
        pass


def serve(folder: Path) -> str:
    """Serve a folder on loopback for the rest of the process; returns its address."""
    handler = functools.partial(QuietHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


@pytest.fixture(scope="session")
def out() -> Path:
    """The folder under which the book was built; `make test` builds it first."""
    folder = Path(os.environ.get("BOOK_OUT", ROOT)) / "_build"
    if not (folder / "html" / "index.html").exists():
        pytest.fail(f"no book in {folder}: run `make book` first, or the whole `make test`")
    return folder


@pytest.fixture(scope="session")
def site(out) -> Path:
    return out / "html"


@pytest.fixture(scope="session")
def address(site) -> str:
    return serve(site)


@pytest.fixture(scope="session")
def runs(out) -> dict:
    """The executed notebooks by docname, as the book's own pages see them."""
    sys.path.insert(0, str(ROOT / "book" / "_ext"))
    import executed

    return executed.runs(out / ".jupyter_cache")


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    from tests.install_chromium import chromium
    from tests.visit import PATIENCE_MS

    with sync_playwright() as play:
        running = play.chromium.launch(
            executable_path=chromium(), args=CHROMIUM_FLAGS, timeout=PATIENCE_MS
        )
        yield running
        running.close()


@pytest.fixture
def seen(record_property):
    """Call it once a thing checked in the browser (or once a slider setting), with its kind."""
    return lambda kind, number=1: record_property(kind, number)


def pytest_configure(config) -> None:
    config.addinivalue_line("markers", "page(names): the pages to which a test belongs")
    config.addinivalue_line("markers", "whole: the test needs the executions of all pages")


def pytest_collection_modifyitems(config, items: list) -> None:
    selection.select(config, items)


def pytest_terminal_summary(terminalreporter) -> None:
    """Say how much was checked, and how many seconds each kind of test took."""
    reports = [r for kind in ("passed", "failed") for r in terminalreporter.getreports(kind)]
    count, seconds = Counter(), Counter()
    for report in reports:
        module = Path(report.nodeid.split("::")[0]).stem
        seconds[KINDS.get(module, OTHER)] += report.duration
        count.update(dict(report.user_properties) if report.when == "call" else {})
    terminalreporter.write_line(
        f"{count['slider settings']} slider settings, {count['browser checks']} browser checks "
        f"(BOOK_SEED={os.environ.get('BOOK_SEED', '0')})"
    )
    took = ", ".join(f"{kind} {spent:.0f} s" for kind, spent in seconds.most_common())
    terminalreporter.write_line(f"Over all processes: {took}")
