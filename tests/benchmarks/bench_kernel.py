"""How fast a slider answers in JupyterLab: from the key to the changed picture, kernel included.

PAGES="kan ntk/features" in the environment chooses pages, otherwise it is the core ones.
"""

import tempfile
from pathlib import Path
from statistics import median, quantiles

from playwright.sync_api import sync_playwright

from book import execute, settings
from tests.benchmarks.bench_pages import spread
from tests.benchmarks.timing import progress, row
from tests.conftest import CHROMIUM_FLAGS
from tests.install_chromium import chromium
from tests.test_lab import idle, opened, run, serving

STEPS = 6
READ = 5_000  # milliseconds before a slider is touched
PAUSES = {"two steps a second": 500, "as fast as the picture changes": 0}
MEDIAN, LATE = 100, 250  # milliseconds
PRESS = """async ([box, pause, steps]) => {
  const handle = box.querySelector(".noUi-handle"), times = [];
  const shown = () => (box.querySelector("svg, img") || box).outerHTML;
  const until = (ready) => new Promise(done => requestAnimationFrame(
    function look(now) { ready() ? done() : requestAnimationFrame(look); }));
  const value = name => Number(handle.getAttribute(`aria-value${name}`));
  const left = value("max") - value("now") < value("now") - value("min");
  const key = left ? "ArrowLeft" : "ArrowRight";
  for (let step = 0; step < steps; step++) {
    await new Promise(done => setTimeout(done, pause));
    const before = shown(), began = performance.now();
    handle.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    await until(() => shown() !== before || performance.now() - began > 5000);
    if (shown() !== before) times.push(performance.now() - began);
  }
  return times;
}"""


def rows() -> list[dict]:
    """A row a pace and a share of the steps; without a Chromium, none."""
    if not chromium():
        progress("kernel: a Chromium is missing, for the speed of sliders in JupyterLab")
        return []
    cores = [p for p in execute.chosen([]) if "/" not in execute.name(p)]
    pages = execute.chosen(settings.pages()) if settings.pages() else cores
    with sync_playwright() as play, tempfile.TemporaryDirectory() as folder:
        browser = play.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        with serving(Path(folder)) as lab:
            found = [step_times(browser, lab, execute.name(page)) for page in pages]
        browser.close()
    which = f"{len(pages)} pages" if len(pages) > 3 else ", ".join(map(execute.name, pages))
    table = []
    for pace in PAUSES:
        figures = [times for page in found for times in page[pace]]
        every = [time for times in figures for time in times]
        task = f"A slider's step in JupyterLab, {len(every)} steps of {len(figures)} sliders"
        task, late = f"{task} of {which}; {pace}", quantiles(every, n=20)[-1]
        bars = {f"median {MEDIAN} ms": MEDIAN / median(every), f"95th {LATE} ms": LATE / late}
        target = 1 if PAUSES[pace] else None
        peer = " and ".join(bars)
        table.append(row(task, spread(every), peer, min(bars.values()), target, needs="Chromium"))
    return table


def step_times(browser, lab: str, name: str) -> dict[str, list[list[float]]]:
    """For each pace, the milliseconds of the steps of each slider of a page."""
    progress(f"kernel: {name}")
    page = opened(browser, lab, f"chapters/{name}.ipynb")
    run(page, "Run All Cells")
    page.locator(".jp-CodeCell").last.locator(".jp-InputPrompt", has_text="]:").wait_for()
    page.wait_for_function(
        "() => ![...document.querySelectorAll('.jp-InputPrompt')]"
        ".some(prompt => prompt.innerText.includes('[*]'))"
    )
    idle(page)
    page.wait_for_timeout(READ)
    boxes = page.locator(".jp-OutputArea .widget-vbox:has(.noUi-handle)").all()
    found = {pace: [] for pace in PAUSES}
    for box in boxes:
        box.scroll_into_view_if_needed()
        for pace, pause in PAUSES.items():
            found[pace].append(page.evaluate(PRESS, [box.element_handle(), pause, STEPS]))
    page.close()
    return found
