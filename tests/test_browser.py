"""The built pages in headless Chromium, as their readers meet them."""

import pytest

import helpers
from book import execute
from tests.conftest import serve
from tests.visit import DESKTOP, LOADED, PHONE, Visit

PAGES = [p.relative_to(execute.ROOT).with_suffix("").as_posix() for p in execute.pages()]
KAN = pytest.mark.page("kan")


def faults_of_controls(moves: list[dict]) -> list[str]:
    found = []
    for move in moves:
        what = f"{move['figure']}: {move['knob']}"
        if not move["label"]:
            found.append(f"{what} has no label")
        if move["pictures"] < 2:
            found.append(f"{what} never changes its picture")
        if move["error"]:
            found.append(f"{what} draws an error")
    return found


@pytest.mark.parametrize("name", PAGES)
def test_a_page_as_its_reader_meets_it(browser, address, seen, name):
    """One visit: every control moved, then a phone's screen, then accessibility in both schemes."""
    with Visit(browser, address, f"{name}.html", color_scheme="light") as visit:
        moves = visit.moves()
        faults = faults_of_controls(moves)
        if name.startswith("chapters/") and not moves:
            faults.append("no control")
        if visit.page.locator(".search-button-field:visible").count() != 1:
            faults.append("no search field")
        if wide := max(0, visit.pixels_too_wide(PHONE)):
            faults.append(f"{wide} pixels too wide for a phone")
        visit.page.set_viewport_size(DESKTOP)
        faults += visit.inaccessible() + visit.errors
        faults += [f"fetches {url}" for url in visit.outside]
        seen("browser checks", 6 + sum(move["places"] for move in moves))
    assert faults == []


PLANTED = {
    "light: color-contrast": (
        "document.querySelectorAll('.highlight pre span.n')[7].style.color = '#c8c8c8'"
    ),
    "dark: color-contrast": (
        "document.head.insertAdjacentHTML('beforeend', '<style>html[data-theme=dark] "
        ".highlight pre span.n { color: #333 !important }</style>')"
    ),
    "light: image-alt": "document.querySelector('main p').append(new Image())",
    "light: label": "document.querySelector('main p').append(document.createElement('input'))",
}


@KAN
@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found_on_a_thinned_page(browser, address, fault):
    with Visit(browser, address, "chapters/kan.html", color_scheme="light") as visit:
        visit.page.evaluate(PLANTED[fault])
        assert any(found.startswith(fault) for found in visit.inaccessible())


def test_noise_and_requests_are_found(browser, tmp_path):
    (tmp_path / "a.html").write_text(
        '<html><body><script src="https://example.org/x.js"></script>'
        "<script>console.error('lost')</script></body></html>"
    )
    with Visit(browser, serve(tmp_path), "a.html") as visit:
        assert visit.outside == ["https://example.org/x.js"]
        assert "lost" in visit.errors


def test_a_dead_control_is_found():
    dead = {"figure": "f", "knob": "k", "label": "", "pictures": 1, "error": True}
    assert len(faults_of_controls([dead])) == 3


@KAN
def test_dark_mode_recolours_the_figures(browser, address, seen):
    colours = {}
    for scheme in ("light", "dark"):
        with Visit(browser, address, "chapters/kan.html", color_scheme=scheme) as visit:
            script = "e => getComputedStyle(e).color"
            colours[scheme] = visit.page.locator(".explore-frame").first.evaluate(script)
    assert colours["light"] != colours["dark"]
    seen("browser checks")


@KAN
def test_a_setting_survives_in_its_link(browser, address, seen):
    with Visit(browser, address, "chapters/kan.html") as visit:
        page, figure = visit.page, visit.page.locator(".explore:has(input[type=range])").first
        slider = figure.locator("input[type=range]").first
        page.keyboard.press("Tab")
        page.wait_for_function(LOADED)
        slider.focus()
        page.keyboard.press("Home")
        before = figure.locator(".explore-frame").inner_html()
        page.keyboard.press("ArrowRight")
        shown = figure.locator(".explore-frame").inner_html()
        assert shown != before
        readout = figure.locator("output").first.inner_text()
        assert readout == slider.get_attribute("aria-valuetext")
        link = figure.locator(".explore-link").get_attribute("href").split("#")[1]
        name = figure.get_attribute("id")
        seen("browser checks", 2)
    with Visit(browser, address, f"chapters/kan.html#{link}") as visit:
        frame = visit.page.locator(f"#{name} .explore-frame")
        visit.page.wait_for_function("y => scrollY > y", arg=0)
        assert frame.inner_html() == shown
        seen("browser checks")


@KAN
def test_without_javascript_the_default_frames_stand(browser, address, seen):
    with Visit(browser, address, "chapters/kan.html", java_script_enabled=False) as visit:
        frames = visit.page.locator(".explore-frame svg, .explore-frame img")
        assert frames.count() == visit.page.locator(".explore").count() > 0
        assert visit.page.locator(".explore-controls:visible").count() == 0
        seen("browser checks", 2)


@KAN
def test_the_landing_page_has_a_slider_on_the_first_screen(browser, address, seen):
    with Visit(browser, address, "index.html") as visit:
        visit.page.wait_for_url("**/book/index.html")
        box = visit.page.locator("[data-knob]").first.bounding_box()
        assert box and box["y"] + box["height"] < DESKTOP["height"]
        seen("browser checks")


@pytest.mark.whole
def test_the_atlas_filters(browser, address, seen):
    with Visit(browser, address, "book/atlas.html") as visit:
        page, rows = visit.page, visit.page.locator(".atlas tbody tr:visible")
        papers = rows.count()
        assert papers == len(helpers.atlas.papers())
        page.get_by_label("State").select_option("implemented")
        implemented = rows.count()
        assert 0 < implemented < papers
        page.get_by_label("Title").fill("kolmogorov")
        assert 0 < rows.count() <= implemented
        assert page.locator(".atlas-filter output").inner_text().startswith(f"{rows.count()} of")
        seen("browser checks", 3)
