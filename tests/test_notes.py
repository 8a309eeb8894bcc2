"""Notes beside the text: what a citation, a term or an equation's number stands for."""

import sys

import pytest

from tests.conftest import ROOT
from tests.visit import PHONE, Visit

sys.path.insert(0, str(ROOT / "book" / "_ext"))
import notes

KAN = pytest.mark.page("kan")
PAGE = "chapters/kan.html"
TERM, CITATION, EQUATION = (
    "main a.term",
    "main a[href*=bibliography]",
    "main a.reference[href^='#equation']",
)


def marked(text: str, left: dict[str, str]) -> str:
    return "".join(node.astext() for node in notes._marked(text, left, "g.html"))


def test_the_first_mention_of_a_term_is_marked():
    left = {"spline": "spline", "b-spline": "B-spline", "ntk": "neural tangent kernel"}
    text = "Two B-splines & a spline: B-splines, splined, an NTK-like <x>."
    assert marked(text, left) == (
        'Two <a class="term" href="g.html#term-b-spline">B-splines</a> & a '
        '<a class="term" href="g.html#term-spline">spline</a>: B-splines, splined, an NTK-like <x>.'
    )
    assert left == {"ntk": "neural tangent kernel"}


def test_names_that_only_help_to_search_are_not_marked():
    row = {"term": "Cauchy activation", "also": ["XNET", "rational function"], "at": "kan/bases#a"}
    assert notes._unmistakable(row, "chapters/ntk") == ["Cauchy activation", "XNET"]
    common = {"term": "residual", "at": "pinns#b"}
    assert notes._unmistakable(common, "chapters/kan") == []
    assert notes._unmistakable(common, "chapters/pinns/forms") == ["residual"]


@KAN
@pytest.mark.parametrize(
    ("link", "says"),
    [(TERM, ": "), (CITATION, "1957"), (EQUATION, "=")],
    ids=["term", "cite", "eq"],
)
def test_a_note_on_hover(browser, address, seen, link, says):
    with Visit(browser, address, PAGE) as visit:
        box, here = visit.page.locator(".note-box"), visit.page.locator(link).first
        here.hover()
        box.wait_for()
        assert says in box.inner_text() and visit.errors == []
        place = box.bounding_box()
        assert place["x"] >= 0 and place["x"] + place["width"] <= 1300
        visit.page.keyboard.press("Escape")
        box.wait_for(state="hidden")
        seen("browser checks", 3)


@KAN
def test_a_note_by_keyboard_is_told_while_its_link_has_the_focus(browser, address, seen):
    with Visit(browser, address, PAGE) as visit:
        here, box = visit.page.locator(CITATION).first, visit.page.locator(".note-box")
        here.focus()
        visit.page.keyboard.press("Shift+Tab")
        visit.page.keyboard.press("Tab")
        box.wait_for()
        assert here.get_attribute("aria-describedby") == box.get_attribute("id")
        visit.page.keyboard.press("Tab")
        assert here.get_attribute("aria-describedby") is None
        seen("browser checks", 2)


@KAN
def test_the_first_tap_shows_the_note_and_the_second_follows(browser, address, seen):
    with Visit(browser, address, PAGE, viewport=PHONE, has_touch=True, is_mobile=True) as visit:
        here, box = visit.page.locator(CITATION).first, visit.page.locator(".note-box")
        here.tap()
        box.wait_for()
        assert PAGE in visit.page.url
        here.tap()
        visit.page.wait_for_url("**/bibliography.html#*")
        seen("browser checks", 2)
