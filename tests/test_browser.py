"""The built pages in headless Chromium, as their readers meet them."""

import pytest

import helpers
from book import execute
from tests.conftest import serve
from tests.visit import DESKTOP, LOADED, PHONE, Visit

FIRST_SCREEN = {"width": 1300, "height": 850}
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
        for screen in (DESKTOP, PHONE) if name.startswith("chapters/") else ():
            if (end := visit.first_figure_ends(screen)) > screen["height"]:
                faults.append(f"the first figure ends {end:.0f} pixels down of {screen}")
        if wide := max(0, visit.pixels_too_wide(PHONE)):
            faults.append(f"{wide} pixels too wide for a phone")
        for screen in (PHONE, DESKTOP):
            visit.page.set_viewport_size(screen)
            faults += visit.faults_of_frames()
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


FRAME = """<figure class="explore" id="f">
<div class="explore-frame" style="width: 300px; color: #123">
<svg viewBox="0 0 300 200" width="300" data-axes="[[[20,280,180,20],[],[]]]">
<clipPath id="c"><rect x="20" y="20" width="260" height="160"/></clipPath>
<path d="M 20 100 L 280 100" clip-path="url(#c)" style="fill: none; stroke: #0072b2"/>
<g clip-path="url(#c)"><use href="#dot" x="150" y="150" style="fill: #0072b2"/></g>
<defs><circle id="dot" r="3"/></defs>
{}</svg></div></figure>"""
TEXT = '<text x="{}" y="{}" style="font-size: {}px">{}</text>'
FRAME_FAULTS = {
    "stands on a line": TEXT.format(100, 104, 12, "a curve"),
    "stands on a mark": TEXT.format(140, 154, 12, "a mark"),
    "leaves the figure": TEXT.format(270, 50, 12, "far too long"),
    "over": TEXT.format(50, 50, 12, "one word") + TEXT.format(60, 52, 12, "another"),
    "has 8.0 pixels": TEXT.format(50, 50, 8, "small"),
    "after one": TEXT.format(50, 50, 12, "1 directions"),
    "is faint on 255,255,255": (
        '<path d="M 20 60 L 280 60" clip-path="url(#c)" style="fill: none; stroke: #ddd"/>'
    ),
    "is faint on 20,24,30": (
        '<path d="M 20 60 L 280 60" clip-path="url(#c)" style="fill: none; stroke: #222"/>'
    ),
}


@pytest.mark.parametrize("fault", [*FRAME_FAULTS, "an axes is empty", ""])
def test_a_fault_of_a_frame_is_found(browser, tmp_path, fault):
    frame = FRAME.format(FRAME_FAULTS.get(fault, TEXT.format(50, 60, 12, "a well placed text")))
    if fault == "an axes is empty":
        frame = frame.replace("[[[20,", "[[[20,280,18,2],[],[]],[[20,")
    (tmp_path / "a.html").write_text(frame, encoding="utf-8")
    with Visit(browser, serve(tmp_path), "a.html") as visit:
        found = visit.faults_of_frames()
    assert len(found) == bool(fault) and all(fault in one for one in found)


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
def test_the_switch_for_all_code_is_kept(browser, address, seen):
    with Visit(browser, address, "chapters/kan.html") as visit:
        folds, opened = (visit.page.locator(f"details.fold{open}") for open in ("", "[open]"))
        assert folds.count() > 10 and opened.count() == 0
        assert folds.first.locator("summary").inner_text() == "Code for this figure"
        visit.page.get_by_role("button", name="All code").click()
        assert opened.count() == folds.count()
        visit.page.goto(f"{address}/chapters/kan/symbols.html")
        visit.page.get_by_role("button", name="Fold code").wait_for()
        assert opened.count() == folds.count() > 0
        seen("browser checks", 3)


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


def test_the_landing_page_says_all_on_its_first_screen(browser, address, seen):
    """What it is, for whom, and one thing to do; on a desktop the chapters, too."""
    tops = """() => Object.fromEntries(Object.entries({
      title: 'h1', what: '.landing-words p', start: '.landing-words a',
      cards: '.cards li:last-child strong',
    }).map(([name, path]) =>
      [name, document.querySelector(path).getBoundingClientRect().bottom]))"""
    with Visit(browser, address, "book/index.html", viewport=FIRST_SCREEN) as visit:
        assert [k for k, y in visit.page.evaluate(tops).items() if y > FIRST_SCREEN["height"]] == []
        visit.page.set_viewport_size(PHONE)
        low = [k for k, y in visit.page.evaluate(tops).items() if y > PHONE["height"]]
        assert set(low) <= {"cards"}
        seen("browser checks", 7)


def shown(visit) -> int:
    """How many items the filter's count says are shown."""
    return int(visit.page.locator(".filter output").inner_text().split()[0])


@pytest.mark.parametrize(
    ("words", "same"),
    [
        ("kernel tangent", "tangent kernel"),
        ("quantisation", "quantization"),
        ("Kolmogorov Arnold", "KAN"),
        ("NTK", "neural tangent kernel"),
    ],
)
def test_the_atlas_finds_words_in_any_order_and_spelling(browser, address, seen, words, same):
    with Visit(browser, address, "book/atlas.html") as visit:
        found = []
        for typed in (words, same):
            visit.page.get_by_label("Words").fill(typed)
            keys = "e => e.map(x => x.id)"
            found.append(visit.page.locator(".filter-item:visible").evaluate_all(keys))
        assert 0 < len(found[1]) <= len(found[0]) < len(helpers.atlas.papers()) / 4
        assert set(found[1]) <= set(found[0])
        seen("browser checks", 2)


def test_the_atlas_filters_and_keeps_it_in_the_address(browser, address, seen):
    with Visit(browser, address, "book/atlas.html") as visit:
        page = visit.page
        assert shown(visit) == len(helpers.atlas.papers())
        page.get_by_label("State").select_option("planned")
        planned = shown(visit)
        page.get_by_label("Words").fill("diffusion")
        assert 0 < shown(visit) < planned
        assert page.locator(".filter-item:visible").count() == shown(visit)
        link = page.url.split(address)[1].lstrip("/")
        page.get_by_label("Words").fill("nothing of this kind")
        assert shown(visit) == 0 and page.locator(".filter-none").is_visible()
        page.get_by_role("button", name="Clear").click()
        page.wait_for_function("!location.hash")
        assert shown(visit) == len(helpers.atlas.papers())
    with Visit(browser, address, link) as visit:
        assert 0 < shown(visit) < planned
        assert visit.page.get_by_label("State").input_value() == "planned"
        seen("browser checks", 8)


def test_a_link_to_a_paper_opens_its_fold(browser, address, seen):
    with Visit(browser, address, "book/atlas.html#paper-gelu") as visit:
        assert visit.page.locator("#paper-gelu").is_visible()
        assert visit.page.url.endswith("#paper-gelu")
        seen("browser checks", 2)


@KAN
def test_the_ledger_filters_and_fits_a_phone(browser, address, seen):
    wide = """() => [...document.querySelectorAll('main *')].filter(e =>
      e.scrollWidth > e.clientWidth + 1
      && ['auto', 'scroll'].includes(getComputedStyle(e).overflowX)).length"""
    with Visit(browser, address, "book/ledger.html") as visit:
        page, every = visit.page, shown(visit)
        page.locator(".ledger-summary td a").first.click()
        page.wait_for_function("location.hash.startsWith('#claims?family=')")
        count = int(page.locator(".ledger-summary td a").first.inner_text())
        assert page.locator(".ledger-claim:visible").count() == shown(visit) == count <= every
        page.get_by_role("button", name="Clear").click()
        page.get_by_role("button", name="Open all").click()
        assert page.locator(".ledger-claim:visible").count() == every
        assert visit.pixels_too_wide(PHONE) <= 0 and page.evaluate(wide) == 0
        seen("browser checks", 4)


SOUGHT = {
    "spectral bias": "pinns/precision#where-one-network-stops",
    "maximal update": "ntk/features#three-exponents",
    "catastrophic forgetting": "kan#where-it-breaks",
    "straight-through": "quantization#through-a-staircase",
    "straight through estimator": "quantization#through-a-staircase",
    "the NTK": "ntk#training-seen-from-function-space",
    "neural tangent kernels": "ntk#training-seen-from-function-space",
    "muP": "ntk/features#three-exponents",
    "B-splines": "kan#a-curve-with-coefficients-b-splines",
    "Kolmogorov-Arnold": "kan#functions-on-edges",
    "quantization-aware training": "quantization#training-with-the-estimator",
    "QAT": "quantization#training-with-the-estimator",
    "GPTQ": "quantization#looking-ahead-gptq",
    "error diffusion": "quantization#errors-that-add-errors-that-cancel",
    "per channel": "quantization#who-shares-a-ruler",
    "XNOR-Net": "quantization/binary#signs-multiply-like-switches",
    "popcount": "quantization/binary#signs-multiply-like-switches",
    "mixed precision": "quantization/training#bits-as-parameters",
    "Levenberg-Marquardt": "kan#training-by-gauss-newton",
    "symbolic regression": "kan/symbols#naming-a-curve",
    "collocation points": "pinns#train-on-what-is-left-over",
    "hard constraint": "pinns#soft-or-hard",
    "Taylor mode": "pinns#derivatives-that-run-forwards",
    "deep Ritz method": "pinns/forms#three-forms",
    "mixture of experts": "pinns/forms#one-expert-for-each-cell",
    "Kolmogorov n-width": "pinns#how-many-shapes-a-wave-has",
    "target network": "hypernetworks#one-network-writes-the-other-computes",
    "fast weights": "hypernetworks/fast#the-slow-net-and-the-fast-net",
    "delta rule": "hypernetworks/fast#subtract-what-is-there",
    "linear attention": "hypernetworks/fast#a-matrix-that-remembers",
    "hyperfan-in": "hypernetworks#how-the-target-must-start",
    "bilevel optimization": "hypernetworks/responses#a-best-response-is-a-function",
    "intrinsic dimension": "hypernetworks/sharing#what-n-numbers-can-reach",
    "graph hypernetwork": "hypernetworks/architectures#a-graph-as-the-condition",
    "activation patterns": "convex#a-neuron-is-linear-in-a-cone",
    "ADMM": "convex/solvers#one-small-matrix-factorised-once",
    "duality gap": "convex#a-proof-in-n-numbers",
    "nuclear norm": "convex/depth#weight-decay-on-a-chain-is-a-penalty-on-singular-values",
    "adversarial training": "convex/robust#the-usual-way-train-against-an-attacker",
    "displacement convexity": "convex/particles#two-straight-lines-between-measures",
    "NNGP": "ntk#the-infinite-network-in-three-lines",
    "lazy regime": "ntk#why-width-freezes-the-kernel",
    "benign overfitting": "ntk/benign#the-question",
    "surrogate gradient": "ntk/discrete#the-surrogate-s-kernel",
    "graphon": "ntk/structures#from-sums-to-integrals",
    "random features": "ntk/bundles#a-neuron-as-a-scalar-product",
}


def test_search_leads_to_the_section_that_explains_a_term(browser, address, seen):
    first = "a => [a.getAttribute('href'), a.innerText]"
    faults = {}
    with Visit(browser, address, "search.html") as visit:
        for words, place in SOUGHT.items():
            visit.page.goto(f"{address}/search.html?q={words}")
            found, name = visit.page.locator("ul.search li a").first.evaluate(first)
            if found != f"chapters/{place.replace('#', '.html#')}" or ">" not in name:
                faults[words] = found, name
        seen("browser checks", len(SOUGHT))
    assert faults == {}


def test_excerpts_of_the_search_are_readable(browser, address, seen):
    with Visit(browser, address, "search.html?q=neural tangent kernel") as visit:
        excerpts = visit.page.locator("ul.search .context")
        excerpts.nth(2).wait_for()
        texts = excerpts.all_inner_texts()
        assert [text for text in texts if "\\" in text or "$" in text] == []
        assert any("Θ" in text or "kernel" in text for text in texts)
        seen("browser checks", len(texts))
