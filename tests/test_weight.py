"""What a first load weighs and shows: stylesheet, formulas, typefaces, print."""

import gzip
import re
import sys

import pytest
from fontTools.ttLib import TTFont

from book import execute
from tests import slow
from tests.conftest import ROOT
from tests.visit import PHONE, Visit

sys.path.insert(0, str(ROOT / "book" / "_ext"))

import columns
import formulas
import light

PAGES = [p.relative_to(execute.ROOT).with_suffix("").as_posix() for p in execute.pages()]
EXAMPLES = pytest.mark.parametrize("name", ["chapters/kan", "chapters/quantization"])
KAN = pytest.mark.page("kan")
LATENCY, RATE = slow.LINE["latency"] / 1000, slow.LINE["downloadThroughput"]
TRIPS = 2  # the page, and what it needs for its first paint
SECONDS_TO_TEXT = 3
FONTS_LIMIT = 120_000

# How many characters stand on each full line of the running text.
CHARACTERS = """() => [...document.querySelectorAll('.bd-article section > p')]
  .filter(p => !p.querySelector('.math, code')).flatMap(p => {
    const lines = new Map(), walk = document.createTreeWalker(p, NodeFilter.SHOW_TEXT);
    for (let node; (node = walk.nextNode());) {
      for (let i = 0; i < node.length; i++) {
        const range = document.createRange();
        range.setStart(node, i);
        range.setEnd(node, i + 1);
        const box = range.getBoundingClientRect(), line = Math.round(box.bottom / 10);
        if (box.width) lines.set(line, (lines.get(line) || 0) + 1);
      }
    }
    return [...lines.values()].slice(0, -1);
  })"""
HEADINGS = """() => ['h1', 'h2', 'h3'].map(name => {
  const style = getComputedStyle(document.querySelector(`.bd-article ${name}`));
  return [parseFloat(style.fontSize), +style.fontWeight];
})"""
LEFT_EDGES = """() => [...new Set([...document.querySelectorAll(
  '.bd-article section > p, .bd-article figure, .bd-article figcaption, .bd-article table.table, '
  + '.bd-article div.cell_input, .bd-article h2')]
  .filter(e => e.getClientRects().length && !e.closest('details, .exercise, .admonition, li'))
  .map(e => Math.round(e.getBoundingClientRect().left)))]"""
CUT = """() => [...document.querySelectorAll('div.math')].filter(m => m.getClientRects().length)
  .filter(m => {
    const box = m.querySelector('.formula').getBoundingClientRect();
    const number = m.querySelector('.eqno');
    const end = number ? number.getBoundingClientRect() : box;
    return end.right > innerWidth + 1 || (number && end.left < box.right - 1);
  }).map(m => m.innerText.slice(0, 60))"""


@EXAMPLES
def test_the_text_is_there_in_three_seconds_on_a_slow_line(browser, site, name):
    """Latency, and the bytes without which nothing is painted: no clock of this machine."""
    found = slow.load(browser, slow.serve(site), f"{name}.html")
    page = (site / f"{name}.html").read_text(encoding="utf-8")
    start = page[: page.index("</p>", page.index("<h1", page.index("<article")))]
    first = {f"{name}.html, down to its lead": len(gzip.compress(start.encode()))}
    first |= {other: found.fetched[other] for other in found.blocking[1:]}
    seconds = TRIPS * LATENCY + sum(first.values()) / RATE
    assert seconds <= SECONDS_TO_TEXT, f"{seconds:.1f} s on the line: {first}"


@EXAMPLES
def test_nothing_is_fetched_that_the_page_does_not_use(browser, site, name):
    found = slow.load(browser, slow.serve(site), f"{name}.html")
    unused = re.compile(
        r"mathjax|fontawesome\.js|searchindex|searchtools|thebe|design-tabs|katex.*js"
    )
    assert [file for file in found.fetched if unused.search(file)] == []


@pytest.mark.whole
def test_the_search_page_searches(browser, address):
    with Visit(browser, address, "search.html?q=spline") as visit:
        visit.page.locator("ul.search li").first.wait_for()
        assert visit.errors == []


def test_no_page_has_a_script_for_formulas(site):
    for page in site.rglob("*.html"):
        if "_static" not in page.parts:
            scripts = re.findall(r"<script[^>]*>", page.read_text(encoding="utf-8"))
            assert not [s for s in scripts if re.search("mathjax|katex", s, re.IGNORECASE)], page


@pytest.mark.parametrize("name", PAGES)
def test_formulas_without_scripts_and_on_a_phone(browser, address, name):
    """They are set in the page itself, take no tab stop, and their numbers are whole."""
    options = {"java_script_enabled": False, "viewport": PHONE}
    with Visit(browser, address, f"{name}.html", **options) as visit:
        shown = visit.page.evaluate(
            "() => [...document.querySelectorAll('.math')].filter(m => m.getClientRects().length)"
            ".filter(m => !m.querySelector('.katex-html')).length"
        )
        assert shown == 0
        text = visit.page.locator("article.bd-article").inner_text()
        assert not re.search(r"\\\(|\\\[|\\frac|\\mathbb", text)
        stops = (
            "[...document.querySelectorAll('span.math, span.math *')].filter(e => e.tabIndex >= 0)"
        )
        assert visit.page.evaluate(f"{stops}.length") == 0
        assert visit.page.evaluate(CUT) == []


@pytest.fixture
def engine():
    yield formulas.engine()
    formulas.close(None, None)


def test_a_formula_that_cannot_be_set_is_a_fault(engine):
    with pytest.raises(formulas.JSEvalException, match="nosuchcommand"):
        formulas.typeset(r"\nosuchcommand x")
    assert "<mfrac>" in formulas.typeset(r"\frac{a}{b}")


@EXAMPLES
def test_measure_headings_and_edge(browser, address, name):
    with Visit(browser, address, f"{name}.html") as visit:
        counts = sorted(visit.page.evaluate(CHARACTERS))
        assert 65 <= counts[len(counts) // 2] <= 75, "characters a line, the median"
        sizes, weights = zip(*visit.page.evaluate(HEADINGS))
        assert list(sizes) == sorted(set(sizes), reverse=True)
        assert list(weights) == sorted(weights, reverse=True)
        edges = visit.page.evaluate(LEFT_EDGES)
        assert max(edges) - min(edges) <= 1, edges


@EXAMPLES
def test_code_of_eighty_columns_does_not_scroll(browser, address, name):
    with Visit(browser, address, f"{name}.html") as visit:
        wider = visit.page.evaluate(
            "() => { const pre = document.querySelector('div.cell_input:not(details *) pre');"
            "pre.textContent = 'x'.repeat(80); return pre.scrollWidth - pre.clientWidth; }"
        )
        assert wider <= 0


@KAN
def test_the_typefaces_are_used_and_small(browser, address, site):
    folder = site / "_static" / "fonts"
    faces = [*folder.glob("text*.woff2"), folder / "code.woff2"]
    assert len(faces) == 4 and sum(face.stat().st_size for face in faces) <= FONTS_LIMIT
    with Visit(browser, address, "chapters/kan.html") as visit:
        script = "[...document.fonts].filter(f => f.status === 'loaded').map(f => f.family)"
        loaded = " ".join(visit.page.evaluate(script))
        assert "Book Text" in loaded and "Book Code" in loaded


def test_each_icon_that_pages_name_has_its_picture(site):
    pages = [
        p.read_text(encoding="utf-8") for p in site.rglob("*.html") if "_static" not in p.parts
    ]
    named = set(re.findall(r'class="fa-(?:solid|regular|brands) (fa-[\w-]+)', "".join(pages)))
    sheet = light.PLACE.search((site / "book" / "index.html").read_text(encoding="utf-8"))[0]
    pictures = dict(re.findall(r'\.(fa-[\w-]+):before[^{]*\{content:"(.)"', sheet))
    fonts = (site / "_static" / "fonts").glob("fa-*.woff2")
    drawn = {code for font in fonts for code in TTFont(font).getBestCmap()}
    assert named and {i for i in named if ord(pictures.get(i, "?")) not in drawn} == set()


@EXAMPLES
def test_paper_shows_no_controls_and_wraps_code(browser, address, name):
    with Visit(browser, address, f"{name}.html") as visit:
        visit.page.emulate_media(media="print")
        dead = ".explore-controls, .copybtn, .headerlink, nav, button, input, select, footer"
        assert visit.page.locator(f":is({dead}):visible").count() == 0
        style = "pre => { const s = getComputedStyle(pre); return [s.whiteSpace, s.overflowX]; }"
        pres = visit.page.locator("div.highlight pre:visible")
        assert set(map(tuple, pres.evaluate_all(f"all => all.map({style})"))) == {
            ("pre-wrap", "visible")
        }
        assert visit.page.locator("details.solution").count() > 0
        assert visit.page.locator("details.solution pre:visible").count() > 0


def test_the_stylesheet_keeps_what_can_match(tmp_path):
    sheet = tmp_path / "styles" / "a.css"
    sheet.parent.mkdir()
    sheet.write_text(
        "/* words */ .used, .lost { color: red } .used .lost { top: 0 } p:not(.lost) { left: 0 }"
        "@media print { .lost { top: 0 } #used { top: 1px } } @media screen { .lost { top: 0 } }"
        "@font-face { font-family: F; src: url(../x/F-Bold.woff2) format('woff2'), url(F.ttf) }"
        ".used { background: url(b.png) }"
    )
    kept = re.sub(r"\s", "", light.merged(sheet, tmp_path, {"used"}))
    assert kept == (
        ".used{color:red}p:not(.lost){left:0}@mediaprint{#used{top:1px}}"
        '@font-face{font-family:F;src:url(fonts/F-Bold.woff2)format("woff2")}'
        ".used{background:url(styles/b.png)}"
    )


def test_properties_that_nothing_reads_are_dropped():
    css = "a{--idle:1px;--read:2px;--script:3px}b{top:var(--read);--idle: red}"
    assert light.without_idle(css, {"--script"}) == "a{--read:2px;--script:3px}b{top:var(--read);}"
    quoted = """a{--idle:url("data:image/svg+xml;a{'}");top:0}"""
    assert light.without_idle(quoted, set()) == quoted


def test_points_of_a_column_stand_under_each_other():
    digit, point = columns.DIGIT, columns.POINT
    assert columns.padding(["1.25", "3", "0.5", "–"]) == ["", point + digit * 2, digit, ""]
    assert columns.padding(["1e-05", "2.5"]) == ["", ""]
    assert columns.is_numeric(["1,024", "−3", ""]) and columns.is_numeric(["99.1 %"])
    assert not columns.is_numeric(["width 3", "4"]) and not columns.is_numeric(["", "–"])
