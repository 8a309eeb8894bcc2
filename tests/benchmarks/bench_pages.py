"""How fast a built page answers: from a control's move to the new frame, in headless Chromium."""

from statistics import median

from playwright.sync_api import sync_playwright

from book import execute
from tests.benchmarks.timing import progress, row
from tests.conftest import CHROMIUM_FLAGS, serve
from tests.install_chromium import chromium
from tests.visit import Visit

SCREEN_FRAME = 1000 / 60  # milliseconds


def rows() -> list[dict]:
    """One row over all pages; without a built book or a Chromium, none."""
    site = execute.ROOT / "_build" / "html"
    if not (site / "chapters").exists() or not chromium():
        progress("pages: `make book` first, and a Chromium, for the speed of sliders")
        return []
    base = serve(site)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        times = {
            name: slider_times(browser, base, name)
            for name in map(execute.name, execute.notebooks())
        }
        browser.close()
    every = sorted(time for page in times.values() for time in page)
    slowest = max(times, key=lambda name: median(times[name]))
    ours = (
        f"median {median(every):.2g} ms, 95th percentile {every[int(0.95 * len(every))]:.2g} ms, "
        f"slowest page {slowest} {median(times[slowest]):.2g} ms"
    )
    task = f"A slider's move on a static page, {len(every)} positions of {len(times)} pages"
    peer = f"one screen frame at 60 Hz, {SCREEN_FRAME:.1f} ms"
    return [row(task, ours, peer, SCREEN_FRAME / median(every), 1, needs="built pages")]


def slider_times(browser, base: str, name: str) -> list[float]:
    """Milliseconds of each move of each control of a page."""
    progress(f"pages: {name}")
    with Visit(browser, base, f"chapters/{name}.html") as visit:
        visit.moves()
        return [time for move in visit.moves() for time in move["times"]]
