"""The built pages in headless Chromium, as their readers meet them."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from book import execute
from tests.conftest import serve

PAGES = [p.relative_to(execute.ROOT).with_suffix("").as_posix() for p in execute.pages()]
CHAPTERS = [name for name in PAGES if name.startswith("chapters/")]
DESKTOP = {"width": 1300, "height": 900}
PHONE = {"width": 400, "height": 800}


class Visit:
    """A page that is open, with what its reader's browser complained of and fetched elsewhere."""

    def __init__(self, browser, base: str, address: str, **context) -> None:
        self.context = browser.new_context(**{"viewport": DESKTOP, **context})
        self.page: Page = self.context.new_page()
        self.errors: list[str] = []
        self.outside: list[str] = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self._request(request.url, base))
        self.page.goto(f"{base}/{address}")
        self.page.wait_for_load_state("networkidle")

    def _console(self, message) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    def _request(self, url: str, base: str) -> None:
        if not url.startswith((base, "data:", "blob:")):
            self.outside.append(url)

    def __enter__(self) -> "Visit":
        return self

    def __exit__(self, *_) -> None:
        self.context.close()


def serious(page: Page) -> list[str]:
    """What axe finds serious or critical."""
    found = Axe().run(page).response["violations"]
    return [
        f"{v['id']}: {v['nodes'][0]['html'][:160]}"
        for v in found
        if v["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_quiet_local_and_accessible(browser, address, seen, name, scheme):
    with Visit(browser, address, f"{name}.html", color_scheme=scheme) as visit:
        assert visit.errors == []
        assert visit.outside == []
        assert serious(visit.page) == []
        assert visit.page.locator(".search-button-field:visible").count() == 1
        seen("browser checks", 4)


def test_faults_are_found(browser, tmp_path):
    (tmp_path / "a.html").write_text(
        '<html><body><script src="https://example.org/x.js"></script><img src="b.png">'
        "<script>console.error('lost')</script><input></body></html>"
    )
    with Visit(browser, serve(tmp_path), "a.html") as visit:
        assert visit.outside == ["https://example.org/x.js"]
        assert "lost" in visit.errors
        assert any(fault.startswith("image-alt") for fault in serious(visit.page))


@pytest.mark.parametrize("name", PAGES)
def test_a_phone_shows_a_page_without_scrolling_sideways(browser, address, seen, name):
    with Visit(browser, address, f"{name}.html", viewport=PHONE) as visit:
        wide = visit.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= 0
        seen("browser checks")


def test_dark_mode_recolours_the_figures(browser, address, seen):
    colours = {}
    for scheme in ("light", "dark"):
        with Visit(browser, address, "chapters/kan.html", color_scheme=scheme) as visit:
            script = "e => getComputedStyle(e).color"
            colours[scheme] = visit.page.locator(".explore-frame").first.evaluate(script)
    assert colours["light"] != colours["dark"]
    seen("browser checks")


def positions(page: Page, control) -> int:
    """How many positions a control has."""
    return control.evaluate(
        "c => c.type === 'checkbox' ? 2 : c.tagName === 'SELECT' ? c.options.length : +c.max + 1"
    )


MOVE = """([control, place]) => {
  const started = performance.now();
  if (control.type === 'checkbox') control.checked = place === 1;
  else if (control.tagName === 'SELECT') control.selectedIndex = place;
  else control.value = place;
  control.dispatchEvent(new Event('input', {bubbles: true}));
  const frame = control.closest('.explore').querySelector('.explore-frame');
  frame.getBoundingClientRect();
  return [frame.innerHTML, performance.now() - started];
}"""


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_control_is_named_and_changes_its_picture(browser, address, seen, name):
    slowest = []
    with Visit(browser, address, f"{name}.html") as visit:
        controls = visit.page.locator("[data-knob]")
        assert controls.count() > 0
        for control in controls.element_handles():
            label = control.evaluate("c => c.labels[0] && c.labels[0].innerText")
            assert label == control.get_attribute("data-knob")
            start = control.evaluate(
                "c => +(c.type === 'checkbox' ? c.checked : "
                "c.tagName === 'SELECT' ? c.selectedIndex : c.value)"
            )
            drawn = [
                visit.page.evaluate(MOVE, [control, place])
                for place in range(positions(visit.page, control))
            ]
            pictures = {picture for picture, _ in drawn}
            assert len(pictures) > 1, f"{label} never changes its picture"
            assert not any("explore-error" in picture for picture in pictures)
            slowest.append(sorted(seconds for _, seconds in drawn)[len(drawn) // 2])
            visit.page.evaluate(MOVE, [control, start])
            seen("browser checks", len(drawn))
        assert visit.errors == []
    assert sorted(slowest)[len(slowest) // 2] < 16, slowest


def test_keyboard_readout_link_and_play(browser, address, seen):
    with Visit(browser, address, "chapters/kan.html") as visit:
        page = visit.page
        figure = page.locator(".explore:has(.explore-play)").first
        slider = figure.locator("input[type=range]").first
        slider.focus()
        page.keyboard.press("Home")
        before = figure.locator(".explore-frame").inner_html()
        page.keyboard.press("ArrowRight")
        assert figure.locator(".explore-frame").inner_html() != before
        text = slider.get_attribute("aria-valuetext")
        assert figure.locator("output").first.inner_text() == text
        figure.locator(".explore-link").click()
        link, shown = page.url, figure.locator(".explore-frame").inner_html()
        assert "#" in link and "=" in link
        play = figure.locator(".explore-play")
        play.click()
        assert play.get_attribute("aria-pressed") == "true"
        page.wait_for_function(
            "([f, old]) => f.querySelector('.explore-frame').innerHTML !== old",
            arg=[figure.element_handle(), shown],
        )
        play.click()
        assert play.get_attribute("aria-pressed") == "false"
        seen("browser checks", 4)
        name = link.split(address)[1].lstrip("/")
    with Visit(browser, address, name) as visit:
        figure = visit.page.locator(".explore:has(.explore-play)").first
        assert figure.locator(".explore-frame").inner_html() == shown
        seen("browser checks")


def test_reduced_motion_hides_the_play_button(browser, address, seen):
    with Visit(browser, address, "chapters/kan.html", reduced_motion="reduce") as visit:
        assert visit.page.locator(".explore-play:visible").count() == 0
        seen("browser checks")


def test_without_javascript_the_default_frames_stand(browser, address, seen):
    with Visit(browser, address, "chapters/kan.html", java_script_enabled=False) as visit:
        frames = visit.page.locator(".explore-frame svg, .explore-frame img")
        assert frames.count() == visit.page.locator(".explore").count() > 0
        assert visit.page.locator(".explore-controls:visible").count() == 0
        seen("browser checks", 2)


def test_the_landing_page_has_a_slider_on_the_first_screen(browser, address, seen):
    with Visit(browser, address, "index.html") as visit:
        visit.page.wait_for_url("**/book/index.html")
        box = visit.page.locator("[data-knob]").first.bounding_box()
        assert box and box["y"] + box["height"] < DESKTOP["height"]
        seen("browser checks")


def test_the_atlas_filters(browser, address, seen):
    with Visit(browser, address, "book/atlas.html") as visit:
        page, rows = visit.page, visit.page.locator(".atlas tbody tr:visible")
        assert rows.count() == 446
        page.get_by_label("State").select_option("implemented")
        implemented = rows.count()
        assert 0 < implemented < 446
        page.get_by_label("Title").fill("kolmogorov")
        assert 0 < rows.count() <= implemented
        assert page.locator(".atlas-filter output").inner_text().startswith(f"{rows.count()} of")
        seen("browser checks", 3)
