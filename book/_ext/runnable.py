"""The book's Sphinx extension: pages drawn from data, exercises with stubs, a quiet theme."""

import html
import os
import re
import zlib
from pathlib import Path

import address
import around
import decks
import evidence
import executed
import frames_apart
import notes
import printed
import setting
import shape
from docutils import nodes
from pages import fill_chapter_box, raw
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from book import stubs

DRAWN_FROM_ALL_RUNS = ("book/index", "book/atlas", "book/ledger", "book/benchmarks", "book/about")
FIGURE = re.compile(r"^@(?:explore|live)\(.*?^def (\w+)", re.DOTALL | re.MULTILINE)
CAPTION = re.compile(r"<figcaption>(.*?)</figcaption>", re.DOTALL)
FOLD = "Sections of this chapter"


def pages_to_read(app: Sphinx, env: BuildEnvironment, *_) -> list[str]:
    """Unchanged pages that are read again: those executed anew or measured under more seeds, with
    those that are drawn from all runs, and those that the last build did not bring to a good end
    (`book.build` keeps the list).
    """
    before = getattr(env, "runnable_runs", {})
    seeds = evidence.versions()
    now = {
        name: (run.fingerprint, run.when, seeds.get(name.removeprefix("chapters/")))
        for name, run in executed.of(env).items()
    }
    env.runnable_runs = now
    again = {name for name in now if before.get(name) != now[name]}
    again |= set(DRAWN_FROM_ALL_RUNS) if again else set()
    unfinished = Path(app.outdir).parent / f".to-read-{app.builder.name}"
    if unfinished.exists():
        again |= set(unfinished.read_text(encoding="utf-8").splitlines())
    unfinished.write_text("\n".join(sorted(again)), encoding="utf-8")
    return [name for name in sorted(again) if name in env.found_docs]


def fold_solutions(app: Sphinx, doctree: nodes.document) -> None:
    """Show an exercise's stub in place, and its worked solution behind a fold."""
    for block in list(doctree.findall(nodes.literal_block)):
        source = block.astext()
        if not stubs.has_solution(source):
            continue
        solution = block.deepcopy()
        block.children = [nodes.Text(stubs.stub(source))]
        block.rawsource = stubs.stub(source)
        cell = _cell_of(block)
        fold = '<details class="solution"><summary>Worked solution</summary>'
        name = addnodes.only("", nodes.paragraph("", "Worked solution:"), expr="not html")
        place = cell.parent.index(cell) + 1
        cell.parent[place:place] = [raw(fold), name, solution, raw("</details>")]


def caption_figures_in_print(app: Sphinx, doctree: nodes.document) -> None:
    """Put a figure's caption below it where it is not HTML, which brings its own."""
    figures = executed.of(app.env).get(app.env.docname, executed.Run("")).html
    for block in list(doctree.findall(nodes.literal_block)):
        found = FIGURE.search(block.astext())
        if not found or found[1] not in figures:
            continue
        words = html.unescape(CAPTION.search(figures[found[1]])[1])
        caption = nodes.paragraph("", "", nodes.emphasis(words, words))
        _cell_of(block).append(addnodes.only("", caption, expr="not html"))


def _cell_of(block: nodes.Element) -> nodes.Element:
    """The code cell in which something stands."""
    while block.parent and "cell" not in block.get("classes", []):
        block = block.parent
    return block


def quiet_page(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    """A list of citations whose entries are no list items for a screen reader is none."""
    if "body" in context:
        body = context["body"]
        context["body"] = body.replace('<div role="list" class="citation-list">', "<div>")


def name_folds(app: Sphinx, error: Exception | None) -> None:
    """Give the folds of the theme's table of contents a name for screen readers."""
    if error or app.builder.format != "html":
        return
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        named = text.replace("<summary><span", f'<summary aria-label="{FOLD}"><span')
        if named != text:
            page.write_text(named, encoding="utf-8")


def setup(app: Sphinx) -> dict:
    os.environ["BOOK_RECORD"] = "1"
    for part in ("columns", "formulas", "light"):
        app.setup_extension(part)
    app.add_css_file("katex.css")
    app.add_css_file("book.css")
    for name in ("explore", "form"):
        app.add_css_file(f"{name}.css")
    app.add_css_file("type.css", priority=800)
    app.add_css_file("print.css", priority=900)
    app.add_js_file("explore.js", loading_method="defer", priority=100)
    for name in ("live", "livefig"):
        app.add_js_file(f"{name}.js", loading_method="defer", priority=150)
    app.add_js_file("form.js", loading_method="defer")
    for part in (address, frames_apart, setting, notes, around, decks, printed):
        part.setup(app)
    app.connect("env-get-outdated", pages_to_read)
    app.connect("doctree-read", fill_chapter_box)
    app.connect("doctree-read", evidence.fill_claims)
    app.connect("doctree-read", fold_solutions)
    app.connect("doctree-read", caption_figures_in_print)
    app.connect("doctree-read", shape.shape)
    app.connect("env-get-updated", shape.restore_numbers, priority=100)
    app.connect("env-get-updated", shape.number_pages_alone, priority=900)
    app.connect("html-page-context", quiet_page, priority=900)
    app.connect("build-finished", name_folds)
    code = sorted(Path(__file__).parent.glob("*.py")) + [Path(stubs.__file__)]
    version = zlib.crc32(b"".join(file.read_bytes() for file in code))  # new code reads all anew
    return {"env_version": version, "parallel_read_safe": True, "parallel_write_safe": True}
