"""What the tests share: the built site, a server, a browser, and the closing count."""

import functools
import http.server
import os
import threading
from pathlib import Path

import pytest

from book import execute

ROOT = execute.ROOT
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


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
    import sys

    sys.path.insert(0, str(ROOT / "book" / "_ext"))
    import executed

    return executed.runs(out / ".jupyter_cache")


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    from tests.install_chromium import chromium

    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        yield running
        running.close()


@pytest.fixture
def seen(record_property):
    """Call it once a thing checked in the browser (or once a slider setting), with its kind."""
    return lambda kind, number=1: record_property(kind, number)


def pytest_terminal_summary(terminalreporter) -> None:
    """Say how much was run: notebooks and their cells, slider settings, browser checks."""
    reports = [r for kind in ("passed", "failed") for r in terminalreporter.getreports(kind)]
    cells = [r.nodeid for r in reports if ".ipynb::" in r.nodeid and r.when == "call"]
    count = {"slider settings": 0, "browser checks": 0}
    for report in reports:
        for kind, number in report.user_properties:
            if kind in count:
                count[kind] += number
    notebooks = len({cell.split("::")[0] for cell in cells})
    terminalreporter.write_line(
        f"{notebooks} notebooks, {len(cells)} cells, {count['slider settings']} slider settings, "
        f"{count['browser checks']} browser checks (BOOK_SEED={os.environ.get('BOOK_SEED', '0')})"
    )
