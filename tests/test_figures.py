"""Figures on a built page: controls, frames that come when needed, words that set a figure."""

import re

import matplotlib.pyplot as plt
import pytest

from helpers import knob
from helpers.explorer import Explorer
from tests import toy_site
from tests.conftest import serve
from tests.visit import Visit

PAGE = """
Figures
=======

Take :set:`the last power <near?power=8>` or :set:`the third, in red <near?power=3&colour=red>`.

.. raw:: html
   :file: near.html

Far below: :set:`a wide one <far?width=100000>`.

.. raw:: html

   <div style="height: 6000px">A long text.</div>

.. raw:: html
   :file: far.html
"""
OTHER = """:orphan:

Other
=====

:set:`Set it <far?width=1>` here, too.

.. raw:: html
   :file: far.html
"""


def near(power=2, colour="blue", grid=False):
    """A power of x."""
    _, ax = plt.subplots()
    x = [i / 4 for i in range(9)]
    ax.plot(x, [v**power for v in x], color=colour, label="x")
    ax.set(title="with a grid" if grid else "plain", xlim=(0, 2), ylim=(0, 4))


def far(width=1e-5, shape="round"):
    """A width on a logarithmic axis."""
    _, ax = plt.subplots()
    ax.loglog([width, 10], [1, 100], label=shape)
    ax.set_title(shape)


NEAR = {
    "power": knob((1, 8), "power", symbol="p", plays=True),
    "colour": knob(["blue", "red"], "colour"),
    "grid": knob(False, "grid lines"),
}
FAR = {
    "width": knob([1e-5, 0.1, 1.0, 1e5], "width", unit="px", plays=True),
    "shape": knob(["round", "square", "flat", "long", "thin"], "shape"),
}


def build(folder, page=PAGE):
    """A site of two pages, the second with the first one's far figure; its warnings."""
    figures = {"near": Explorer(near, NEAR), "far": Explorer(far, FAR)}
    return toy_site.build(folder, figures, {"index": page, "other": OTHER})


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    site, warnings = build(tmp_path_factory.mktemp("toy"))
    assert warnings == ""
    return site


@pytest.fixture(scope="module")
def toy_address(toy):
    return serve(toy)


@pytest.fixture
def visit(browser, toy_address):
    with Visit(browser, toy_address, "index.html") as visit:
        yield visit
        assert visit.errors == [] and visit.outside == []


def loaded(page) -> list[str]:
    """The figures whose frames are there."""
    ready = page.locator(".explore:has(.explore-controls[aria-busy=false])")
    return ready.evaluate_all("all => all.map(figure => figure.id)")


def title(page, figure: str) -> str:
    return page.locator(f"#{figure} .explore-frame text").last.text_content()


class TestPages:
    def test_frames_lie_beside_the_page_and_pages_share_them(self, toy):
        pages = {name: (toy / f"{name}.html").read_text("utf-8") for name in ("index", "other")}
        files = {file.name for file in (toy / toy_site.frames_apart.FOLDER).iterdir()}
        assert {name.split("-")[0] for name in files} == {"near", "far"} and len(files) == 2
        assert toy_site.frames_apart.used(toy) == files
        for text in pages.values():
            assert text.count('class="explore-frames"') == 1 and '"lines"' not in text
        assert pages["index"].count("<svg") == 2

    def test_frames_of_earlier_builds_are_removed(self, toy):
        old = toy / toy_site.frames_apart.FOLDER / "near-0123456789.js"
        old.write_text("")
        app = type("App", (), {"outdir": str(toy), "builder": type("B", (), {"format": "html"})})
        toy_site.frames_apart.drop_old(app, None)
        assert not old.exists() and len(list((toy / toy_site.frames_apart.FOLDER).iterdir())) == 2

    def test_each_kind_of_control_has_a_name(self, toy):
        text = (toy / "index.html").read_text("utf-8")
        assert '<label for="near-power">power <i class="explore-symbol">p</i></label>' in text
        assert "<legend>colour</legend>" in text and text.count('type="radio"') == 2 + 4
        assert '<label for="near-grid">grid lines</label><input type="checkbox"' in text
        assert '<label for="far-shape">shape</label><select' in text
        assert text.count('class="explore-play"') == 2
        assert 'aria-label="power p, one step back"' in text
        assert "Shown: width 10⁻⁵\u00a0px, shape round." in text


@pytest.mark.parametrize(
    ("role", "fault"),
    [
        ("words", "it is written {set}`words <figure?knob=value>`"),
        ("words <neer?power=1>", "there is no figure 'neer'; there are near, far"),
        ("words <near?pover=1>", "near has no knob 'pover'; it has power, colour, grid"),
        ("words <near?power=9>", "power of near is never '9'; it is one of 1, 2, 3"),
    ],
)
def test_a_wrong_setting_is_an_error_of_the_build(tmp_path, role, fault):
    _, warnings = build(tmp_path, f"Title\n=====\n\n:set:`{role}`\n")
    assert "index.rst:4: ERROR: set: " in warnings and fault in warnings


def test_a_page_that_is_not_executed_has_no_wrong_setting():
    assert toy_site.setting.wrong(None, "any", {"knob": "1"}) == ""


def test_buttons_by_keyboard(visit, seen):
    page = visit.page
    red = page.get_by_role("radio", name="red")
    page.get_by_role("radio", name="blue").focus()
    before = page.locator("#near .explore-frame").inner_html()
    page.keyboard.press("ArrowRight")
    assert red.is_checked()
    assert page.locator("#near .explore-frame").inner_html() != before
    assert "colour red" in page.locator("#near .explore-frame").get_attribute("aria-label")
    seen("browser checks", 3)


def test_play_runs_to_the_end_and_single_steps_move(visit, seen):
    page = visit.page
    slider, play = page.locator("#near-power"), page.locator("#near .explore-play")
    slider.focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    play.click()
    assert play.inner_text() == "Pause"
    page.wait_for_function("document.querySelector('#near .explore-play').innerText === 'Play'")
    assert slider.input_value() == "7"  # from the present stop, and not round
    page.get_by_role("button", name="power p, one step on").click()
    assert slider.input_value() == "7"
    page.get_by_role("button", name="power p, one step back").click()
    assert slider.input_value() == "6" and page.locator("#near output").first.inner_text() == "7"
    slider.focus()
    page.keyboard.press("End")
    play.click()
    page.wait_for_function("document.querySelector('#near-power').value === '0'")
    play.click()
    assert play.inner_text() == "Play"
    seen("browser checks", 6)


def test_no_play_where_motion_is_unwelcome(browser, toy_address, seen):
    with Visit(browser, toy_address, "index.html", reduced_motion="reduce") as visit:
        assert visit.page.locator(".explore-play:visible").count() == 0
        assert visit.page.locator("#near .explore-step:visible").count() == 2
    seen("browser checks", 2)


def test_frames_come_when_the_figure_comes_near(visit, seen):
    page = visit.page
    assert loaded(page) == ["near"]
    menu = page.get_by_label("shape", exact=True)
    assert menu.is_disabled() and menu.is_visible()
    page.locator("#far").scroll_into_view_if_needed()
    page.wait_for_function("!document.querySelector('#far .explore-controls').disabled")
    assert loaded(page) == ["near", "far"]
    seen("browser checks", 3)


def test_a_reader_by_keyboard_passes_no_control(visit, seen):
    visit.page.keyboard.press("Tab")
    visit.page.wait_for_function("!document.querySelector('#far .explore-controls').disabled")
    seen("browser checks")


def test_frames_that_are_missing_are_named(browser, toy_address, seen):
    with Visit(browser, toy_address, "index.html") as visit:
        visit.page.route("**/frames/far-*", lambda route: route.abort())
        visit.page.keyboard.press("Tab")
        visit.page.get_by_text("The frames of this figure are missing.").wait_for()
    seen("browser checks")


def test_a_link_to_a_setting_is_copied_and_moves_nothing(browser, toy_address, seen):
    rights = ["clipboard-read", "clipboard-write"]
    with Visit(browser, toy_address, "index.html", permissions=rights) as visit:
        page = visit.page
        page.get_by_role("slider", name="power p").focus()
        page.keyboard.press("End")
        before = page.evaluate("[history.length, scrollY, location.href]")
        page.locator("#near .explore-link").click()
        page.get_by_text("Link copied").wait_for()
        assert page.evaluate("[history.length, scrollY, location.href]") == before
        address = page.evaluate("navigator.clipboard.readText()")
        assert address.endswith("index.html#near?power=8&colour=blue&grid=False")
        page.locator("#far").scroll_into_view_if_needed()
        page.wait_for_function("!document.querySelector('#far .explore-controls').disabled")
        far = page.locator("#far .explore-link").get_attribute("href")
        assert far.endswith("#far?width=1e-05&shape=round")
    with Visit(browser, toy_address, "index.html#far?width=100000&shape=flat") as visit:
        page = visit.page
        page.wait_for_function("document.querySelector('#far-shape').selectedIndex === 2")
        assert title(page, "far") == "flat"
        assert page.get_by_role("radio", name="100,000 px").is_checked()
        assert page.evaluate("scrollY") > 3000
    seen("browser checks", 6)


def test_where_the_clipboard_is_refused_the_address_is_shown(visit, seen):
    page = visit.page
    page.evaluate("void (navigator.clipboard.writeText = () => Promise.reject())")
    page.locator("#near .explore-link").click()
    page.locator("#near .explore-said", has_text="#near?power=2&colour=blue").wait_for()
    assert page.evaluate("String(getSelection())").strip().endswith("grid=False")
    seen("browser checks", 2)


@pytest.mark.parametrize("refused", [False, True])
def test_full_screen(visit, seen, refused):
    page = visit.page
    if refused:
        page.evaluate("void (Element.prototype.requestFullscreen = () => Promise.reject())")
    before = page.locator("#near svg").bounding_box()["width"]
    page.locator("#near .explore-full").click()
    page.get_by_role("button", name="Close").wait_for()
    box = page.locator("#near svg").bounding_box()
    assert box["width"] > 1.5 * before
    for part in (".explore-controls", "figcaption"):
        inside = page.locator(f"#near {part}").bounding_box()
        assert inside["y"] >= 0
        assert inside["y"] + inside["height"] <= page.viewport_size["height"] + 1
    page.locator("#near-power").focus()
    page.keyboard.press("End")
    if refused:
        page.keyboard.press("Escape")
    else:  # the browser's own Esc is beyond what a test can press
        page.evaluate("document.exitFullscreen()")
    page.locator("#near .explore-full", has_text="Full screen").wait_for()
    assert page.locator("#near svg").bounding_box()["width"] == before
    assert "power=8" in page.locator("#near .explore-link").get_attribute("href")
    seen("browser checks", 6)


def test_words_set_a_figure(visit, seen):
    page = visit.page
    last = page.get_by_role("button", name="the last power")
    third = page.get_by_role("button", name="the third, in red")
    assert last.get_attribute("aria-pressed") == "false"
    page.evaluate("scrollTo(0, 40)")
    last.click()
    assert page.locator("#near-power").input_value() == "7" and page.evaluate("scrollY") == 40
    assert last.get_attribute("aria-pressed") == "true"
    third.focus()
    page.keyboard.press("Space")
    assert page.locator("#near-power").input_value() == "2"
    assert page.get_by_role("radio", name="red").is_checked()
    pressed = [words.get_attribute("aria-pressed") for words in (last, third)]
    assert pressed == ["false", "true"]
    page.get_by_role("button", name="a wide one").click()
    page.wait_for_function("!document.querySelector('#far .explore-controls').disabled")
    assert page.get_by_role("radio", name="100,000 px").is_checked()
    page.wait_for_function("scrollY > 3000")
    seen("browser checks", 7)


def test_without_javascript(browser, toy_address, seen):
    with Visit(browser, toy_address, "index.html", java_script_enabled=False) as visit:
        page = visit.page
        assert page.locator(".explore-controls:visible").count() == 0
        assert page.locator(".explore-frame svg").count() == 2
        page.get_by_role("link", name="a wide one").click()
        assert page.url.endswith("#far")
    seen("browser checks", 3)


def test_from_a_folder_without_a_server(browser, toy, seen):
    with Visit(browser, toy.as_uri(), "index.html") as visit:
        visit.page.wait_for_function("!document.querySelector('#near .explore-controls').disabled")
        visit.page.locator("#near-power").focus()
        visit.page.keyboard.press("End")
        label = visit.page.locator("#near .explore-frame").get_attribute("aria-label")
        assert "power p 8" in label and visit.errors == []
    seen("browser checks", 2)


def test_values_of_the_nearest_point(visit, seen):
    page = visit.page
    box = page.locator("#near svg").bounding_box()
    place = re.search(r"\[\[\[([\d.,]+)\]", page.locator("#near svg").get_attribute("data-axes"))[1]
    left, right, bottom, top = map(float, place.split(","))
    scale = box["width"] / 374.4
    x, y = (left + right) / 2, bottom + (top - bottom) / 4  # the point (1, 1) of the square
    page.mouse.move(box["x"] + scale * x + 5, box["y"] + scale * y - 5)
    assert page.locator("#near .explore-tip").inner_text() == "x 1, y 1"
    page.mouse.move(box["x"] + scale * left + 8, box["y"] + scale * top + 8)
    assert page.locator("#near .explore-tip").count() == 0
    seen("browser checks", 2)


def test_memory_stays_flat(visit, seen):
    sweep = """() => {
      const slider = document.querySelector('#near-power');
      for (let i = 0; i < 400; i++) {
        slider.value = i % 8;
        slider.dispatchEvent(new Event('input', {bubbles: true}));
      }
      return document.querySelectorAll('*').length;
    }"""
    first = visit.page.evaluate(sweep)
    assert visit.page.evaluate(sweep) == first
    seen("browser checks")
