"""How fast a built page answers, in headless Chromium: a control's move, a live figure's frame."""

from statistics import median, quantiles

from playwright.sync_api import sync_playwright

from book import execute
from tests.benchmarks.timing import progress, row
from tests.conftest import CHROMIUM_FLAGS, serve
from tests.install_chromium import chromium
from tests.visit import Visit

SCREEN_FRAME = 1000 / 60  # milliseconds
FRAMES = """name => {
  const figure = liveFigures.find(one => one.figure.id === name), times = [];
  for (let i = 0; i < 300; i++) {
    for (const key in figure.program.in) figure.program.in[key][0] *= 1 + 1e-4 * Math.sin(i);
    const began = performance.now();
    if (figure.train) figure.advance();
    figure.repeat();
    figure.svg.getBoundingClientRect();
    times.push(performance.now() - began);
  }
  return times.slice(50);
}"""


def rows() -> list[dict]:
    """One row over all pages and one a live figure; without a built book or a Chromium, none."""
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
        live = [found for name in times for found in frame_times(browser, base, name)]
        browser.close()
    every = [time for page in times.values() for time in page]
    slowest = max(times, key=lambda name: median(times[name]))
    ours = f"{spread(every)}, slowest page {slowest} {median(times[slowest]):.2g} ms"
    task = f"A slider's move on a static page, {len(every)} positions of {len(times)} pages"
    peer = f"one screen frame at 60 Hz, {SCREEN_FRAME:.1f} ms"
    moved = row(task, ours, peer, SCREEN_FRAME / median(every), 1, needs="built pages")
    return [moved, *(live_row(name, figure, times) for name, figure, times in live)]


def spread(times: list[float]) -> str:
    """The median and the 95th percentile of some milliseconds."""
    return f"median {median(times):.2g} ms, 95th percentile {quantiles(times, n=20)[-1]:.2g} ms"


def live_row(name: str, figure: str, times: list[float]) -> dict:
    """The frames of one live figure."""
    task = f"A frame of the live figure {figure} of {name}: the program run, the marks moved"
    ours = spread(times)
    peer = f"one screen frame at 60 Hz, {SCREEN_FRAME:.1f} ms"
    return row(task, ours, peer, SCREEN_FRAME / median(times), 1, needs="built pages")


def frame_times(browser, base: str, name: str) -> list[tuple[str, str, list[float]]]:
    """Page, name and milliseconds a frame of each live figure of a page."""
    progress(f"live figures: {name}")
    with Visit(browser, base, f"chapters/{name}.html") as visit:
        found = []
        for figure in visit.page.locator(".explore.live").all():
            figure.scroll_into_view_if_needed()
            figure.locator(".explore-controls:enabled").wait_for()
            found.append(figure.get_attribute("id"))
        return [(name, one, visit.page.evaluate(FRAMES, one)) for one in found]


def slider_times(browser, base: str, name: str) -> list[float]:
    """Milliseconds of each move of each control of a page."""
    progress(f"pages: {name}")
    with Visit(browser, base, f"chapters/{name}.html") as visit:
        visit.moves()
        return [time for move in visit.moves() for time in move["times"]]
