"""What belongs to the pages around the chapters: their directives, and what fills them late."""

import json
from pathlib import Path

from atlas import Atlas
from bibliography import add_ways_back
from bookmap import BookMap, say_what_is_next
from glossary import Glossary, IndexEntries, changed_pages, fill_glossary
from landing import Cards, Score, Slider
from ledger import Ledger
from measured import Benchmarks, Mutants, RunTimes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

DIRECTIVES = {
    "atlas": Atlas,
    "benchmarks": Benchmarks,
    "book-map": BookMap,
    "cards": Cards,
    "glossary-of-terms": Glossary,
    "ledger": Ledger,
    "mutants": Mutants,
    "run-times": RunTimes,
    "score": Score,
    "slider": Slider,
}
NAMES_SECTIONS = ("book/bibliography", "book/glossary")


def pages_to_write(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Pages that name places of other pages are written in each build."""
    return [page for page in NAMES_SECTIONS if page in env.found_docs]


def complete_search(app: Sphinx) -> list:
    """Give the search index the titles and entries of the pages that this build did not write,
    which Sphinx forgets.
    """
    store = Path(app.outdir).parent / ".search-entries.json"
    kept = json.loads(store.read_text(encoding="utf-8")) if store.exists() else {}
    found = {name: getattr(app.builder.indexer, name) for name in ("_all_titles", "_index_entries")}
    for name, present in found.items():
        for docname, rows in kept.get(name, {}).items():
            if docname in app.env.found_docs:
                present.setdefault(docname, [tuple(row) for row in rows])
    store.write_text(json.dumps(found), encoding="utf-8")
    return []


def setup(app: Sphinx) -> None:
    for name, directive in DIRECTIVES.items():
        app.add_directive(name, directive)
    app.add_transform(IndexEntries)
    app.add_css_file("tables.css")
    app.add_js_file("filter.js", loading_method="defer")
    app.config.html_search_scorer = str(Path(__file__).with_name("search.js"))
    app.connect("env-get-outdated", changed_pages)
    app.connect("env-updated", pages_to_write)
    app.connect("doctree-resolved", fill_glossary)
    app.connect("doctree-resolved", add_ways_back)
    app.connect("html-page-context", say_what_is_next)
    app.connect("html-collect-pages", complete_search)
