"""The decks of the core pages: in a browser, from a folder, without a server."""

import sys

import pytest

from book import execute
from tests.conftest import ROOT
from tests.visit import LOADED, MOVES, Visit

sys.path.insert(0, str(ROOT / "book" / "_ext"))

import decks

NAMES = decks.core_pages()
SCREENS = [{"width": 1280, "height": 720}, {"width": 1920, "height": 1080}]
SMALLEST = 0.019  # of the screen's height: 14 pixels of 720
KAN = pytest.mark.page("kan")

# What is wrong with the slide that is shown: parts that leave it, a box with more in it than it
# shows, letters that are too small to read from the last row.
FAULTS = """smallest => {
  const slide = Reveal.getCurrentSlide(), found = [];
  const seen = e => e.getClientRects().length && getComputedStyle(e).visibility !== 'hidden';
  const name = e => `${e.tagName}.${e.getAttribute('class') || ''}`;
  for (const e of slide.querySelectorAll('*')) {
    if (e.closest('aside, .katex-mathml, .katex svg, tspan, defs, [clip-path]')) continue;
    if (!seen(e)) continue;
    const box = e.getBoundingClientRect();
    const out = Math.max(-box.left, -box.top, box.right - innerWidth, box.bottom - innerHeight);
    if (out > 1 && box.width && box.height) found.push(`${name(e)} leaves the slide`);
    const tall = e.scrollHeight > e.clientHeight + 4 && !e.matches('.formula');
    const holds = e.matches('.slide-body, .formula, pre, .explore, .explore-frame, figcaption');
    if (holds && (tall || e.scrollWidth > e.clientWidth + 1)) found.push(`${name(e)} is cut`);
    const words = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!words || e.closest('.katex')) continue;
    const svg = e.ownerSVGElement, scale = svg ? svg.getScreenCTM().a : e.currentCSSZoom || 1;
    const size = parseFloat(getComputedStyle(e).fontSize) * scale;
    const small = size < smallest * innerHeight;
    if (small) found.push(`${name(e)} has letters of ${size.toFixed(1)} px`);
  }
  return [...new Set(found)].slice(0, 5);
}"""


def faults_of(visit: Visit) -> list[str]:
    """What is wrong with a deck: each of its slides on each screen."""
    page, found = visit.page, []
    total = page.evaluate("Reveal.getTotalSlides()")
    if not 8 <= total <= decks.MOST:
        found.append(f"{total} slides")
    for number in range(total):
        page.evaluate("number => Reveal.slide(number)", number)
        if not page.evaluate("Reveal.getSlideNotes()"):
            found.append(f"slide {number + 1} has no notes")
        for screen in SCREENS:
            page.set_viewport_size(screen)
            page.evaluate("() => new Promise(r => requestAnimationFrame(() => setTimeout(r)))")
            told = page.evaluate(FAULTS, SMALLEST)
            found += [f"slide {number + 1} at {screen['width']}: {fault}" for fault in told]
    return found


def opened(browser, site, name: str) -> Visit:
    visit = Visit(browser, f"file://{site}", f"slides/{name}.html")
    visit.page.evaluate("document.fonts.ready.then(() => true)")
    return visit


@pytest.mark.parametrize("name", NAMES)
def test_a_deck(browser, site, seen, name):
    with opened(browser, site, name) as visit:
        faults = faults_of(visit)
        visit.page.keyboard.press("Tab")  # brings the frames of all figures
        visit.page.wait_for_function(LOADED)
        moves = visit.page.evaluate(MOVES)
        assert moves, "no control"
        faults += [f"{m['figure']}: {m['knob']} is dead" for m in moves if m["pictures"] < 2]
        faults += visit.errors + [f"fetches {url}" for url in visit.outside]
        seen("browser checks", 40 + len(moves))
    assert faults == []


@KAN
@pytest.mark.parametrize(
    ("plant", "fault"),
    [
        ("b.insertAdjacentHTML('beforeend', '<p style=\"min-height: 300vh\">tall</p>')", "is cut"),
        ("b.querySelector('p').style.minWidth = '300vw'", "leaves the slide"),
        ("b.querySelector('p').style.fontSize = '8px'", "has letters of 8.0 px"),
        ("s.querySelector('aside').remove()", "has no notes"),
        ("for (let i = 0; i < 20; i++) s.after(s.cloneNode(true)); Reveal.sync()", "slides"),
    ],
)
def test_a_planted_fault_is_found(browser, site, plant, fault):
    with opened(browser, site, "kan") as visit:
        begin = "() => { const s = Reveal.getSlide(0), b = s.querySelector('.slide-body');"
        visit.page.evaluate(f"{begin} {plant} }}")
        assert any(fault in found for found in faults_of(visit))


@KAN
def test_keys_turn_slides_and_not_sliders(browser, site):
    """After a click on a slider the arrows turn slides; PageDown does so even from a slider."""
    with opened(browser, site, "kan") as visit:
        page = visit.page
        page.keyboard.press("ArrowRight")
        page.wait_for_function(LOADED.replace("document", "Reveal.getCurrentSlide()"))
        slider = page.locator("section.present input[type=range]").first
        before = slider.input_value()
        slider.click()
        assert slider.input_value() != before
        slider.focus()
        for key, at in (("PageDown", 2), ("ArrowLeft", 1)):
            page.keyboard.press(key)
            assert page.evaluate("Reveal.getIndices().h") == at


@KAN
def test_the_speaker_has_a_window_of_notes(browser, site):
    with opened(browser, site, "kan") as visit:
        with visit.context.expect_page() as opening:
            visit.page.keyboard.press("s")
        notes = opening.value.locator(".speaker-controls-notes .value")
        notes.locator("p").first.wait_for()
        assert "You need" in notes.inner_text()


TEXT = """<article><section><h1><span class="section-number">3. </span>A page</h1>
<p>One sentence.</p><div class="admonition chapter-box"><p>Before</p><p>You need x.</p></div>
<section><h2>First</h2><p>Lead e.g. one. Two. With <i>x</i>. Three and</p>
<div class="math" id="equation-a"><div class="formula">a</div></div><p>where b. Not this.</p>
<div class="math" id="equation-b"><div class="formula">b</div></div><p>A tail.</p></section>
<section><h2>Second</h2><p>S1. S2. S3. S4.</p>
<div class="cell"><div class="cell_input"><pre>def f():
    pass</pre></div><div class="cell_output"><div class="claim" id="claim-k"><p>It holds.</p>
<dl><dt>Asked by</dt><dd>us</dd></dl></div></div></div></section>
<section><h2>Exercises</h2><div class="exercise"><p class="admonition-title">Exercise 1 (Do it)</p>
</div></section></section></article>"""


def slides(text: str = TEXT, **said) -> list[decks.Slide]:
    return decks.Deck(decks.article(text), "../a.html", decks.Tags(**said)).chosen()


def test_a_deck_follows_the_page():
    found = slides()
    assert [(s.kind, s.title) for s in found] == [
        ("title", "A page"),
        ("formula", "First"),
        ("formula", "First"),
        ("claim", "Second"),
        ("exercises", "Exercises"),
    ]
    assert found[1].body.startswith("<p>With <i>x</i>. Three and</p><div")
    assert found[1].body.endswith("<p>where b.</p>")
    assert "Asked by" not in found[3].body and "S4." in found[3].markup().split("<aside")[1]
    assert "A tail." in found[2].markup() and "Do it" in found[4].body


def test_tags_say_otherwise(monkeypatch):
    assert [s.name for s in slides(skipped={"a"})][1:3] == ["b", "claim-k"]
    code = "def f():\n    pass"
    assert [s.kind for s in slides(shown={code: code})][3:] == ["code", "claim", "exercises"]
    monkeypatch.setattr(decks, "MOST", 4)
    assert [s.name for s in slides()] == ["", "a", "claim-k", ""]
    kept = slides(taken={"b"})
    assert [s.name for s in kept] == ["", "b", "claim-k", ""]
    assert "Three and" in kept[0].markup(), "what is left out is in the notes before it"


def test_tags_are_read_from_cells(tmp_path):
    page = tmp_path / "a.md"
    page.write_text(
        "---\nkernelspec: {name: python3}\n---\n\n# A\n\n"
        '+++ {"slideshow": {"slide_type": "skip"}}\n\n$$\nx\n$$ (a-b)\n\n'
        "```{code-cell}\n:slideshow: {slide_type: slide}\ndef f():\n    pass\n```\n"
    )
    said = decks.tags(page)
    assert said.skipped == {"a-b"} and list(said.shown.values()) == ["def f():\n    pass"]


def test_every_core_page_has_a_deck_that_it_names(site):
    for name in NAMES:
        page = (site / "chapters" / f"{name}.html").read_text(encoding="utf-8")
        assert f'href="../slides/{name}.html"' in page
    assert len(NAMES) == len([p for p in execute.notebooks() if p.parent == execute.CHAPTERS])
