"""The glossary: one data file feeds a page, the book's index, its search and the atlas's filter."""

import functools
import html
import re

import executed
import yaml
from docutils import nodes
from filters import Filter, item
from pages import BookDirective, raw
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

FILE = executed.ROOT / "book" / "glossary.yml"
IZE = re.compile(r"(?<=\w{4})i([sz])(?=ation|ed\b|ing\b|ers?\b)")
HERE = "glossary-here"
logger = logging.getLogger(__name__)


@functools.cache
def read() -> dict[str, list]:
    """The data file: "terms" and "spellings"."""
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))


def spelled(name: str) -> list[str]:
    """A name in its British and its American spelling: one or two."""
    swapped = IZE.sub(lambda match: "iz" if match[1] == "s" else "is", name)
    for pair in read()["spellings"]:
        for word, other in (pair, pair[::-1]):
            if re.search(rf"\b{word}", name):
                swapped = re.sub(rf"\b{word}", other, swapped)
                break
    return list(dict.fromkeys([name, swapped]))


def names(row: dict) -> list[str]:
    """All names of a term, each in its spellings."""
    return list(
        dict.fromkeys(n for name in (row["term"], *row.get("also", [])) for n in spelled(name))
    )


def places(row: dict) -> list[tuple[str, str]]:
    """The pages and anchors that explain a term, the first one first."""
    addresses = [row["at"], *row.get("more", [])]
    return [(f"chapters/{page}", anchor) for page, anchor in (a.split("#") for a in addresses)]


def entries() -> dict[str, list[tuple[str, str, str]]]:
    """For each page its index entries: name, anchor, and "main" at a term's first place."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for row in read()["terms"]:
        for number, (docname, anchor) in enumerate(places(row)):
            kind = "" if number else "main"
            found.setdefault(docname, []).extend((name, anchor, kind) for name in names(row))
    return found


def simple(text: str) -> str:
    """Lower case, words apart by single spaces."""
    return f" {re.sub(r'[^a-z0-9]+', ' ', text.lower()).strip()} "


@functools.cache
def synonyms() -> list[tuple[list[str], list[str]]]:
    """For each term its names, and the same made simple."""
    every = [names(row) for row in read()["terms"]]
    return [(group, [simple(name) for name in group]) for group in every]


def related(text: str) -> str:
    """Names of the terms that a text names, and its other spelling: what a filter finds it by."""
    low = simple(text)
    found = [n for group, plain in synonyms() if any(p in low for p in plain) for n in group]
    return " ".join(dict.fromkeys([*spelled(text.lower())[1:], *found]))


class IndexEntries(SphinxTransform):
    """Put a page's index entries into the sections that explain the terms."""

    default_priority = 800  # before the index collects them

    def apply(self) -> None:
        wanted = entries().get(self.env.docname, [])
        targets = {
            i: node for node in self.document.findall(nodes.Element) for i in node.get("ids", [])
        }
        for anchor in dict.fromkeys(anchor for _, anchor, _ in wanted):
            if anchor not in targets:
                where = FILE.relative_to(executed.ROOT)
                logger.warning(f"{self.env.docname} has no section {anchor}", location=str(where))
                continue
            here = [("single", n, anchor, kind, None) for n, at, kind in wanted if at == anchor]
            index, node = addnodes.index(entries=here), targets[anchor]
            if isinstance(node, nodes.section):
                node.insert(1, index)
            else:
                node.parent.insert(node.parent.index(node), index)


def changed_pages(app: Sphinx, env: BuildEnvironment, *_) -> list[str]:
    """The pages whose index entries have changed since the last build."""
    before, now = getattr(env, "glossary_entries", {}), entries()
    env.glossary_entries = now
    pages = {page for page in {*before, *now} if before.get(page) != now.get(page)}
    for page in sorted(set(now) - env.found_docs):
        logger.warning(f"there is no page {page}", location=str(FILE.relative_to(executed.ROOT)))
    return sorted(pages & env.found_docs)


class Glossary(BookDirective):
    """All terms with their definitions; the links follow when all pages are read."""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(FILE))
        form = Filter("terms", "terms").markup()
        return [raw(form), nodes.container(classes=[HERE])]


def fill_glossary(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Write the terms, with links named after the sections that they lead to."""
    for here in list(doctree.findall(nodes.container)):
        if HERE in here["classes"]:
            rows = sorted(read()["terms"], key=lambda row: row["term"].lower())
            text = "".join(_definition(app, docname, row) for row in rows)
            here.replace_self(raw(f'<dl class="glossary">{text}</dl>'))


def _definition(app: Sphinx, docname: str, row: dict) -> str:
    also = ", ".join(html.escape(name) for name in row.get("also", []))
    also = f"Also: {also}. " if also else ""
    links = "; ".join(section_link(app, docname, *place) for place in places(row))
    return (
        f'<div {item(words=" ".join(names(row)))} id="term-{nodes.make_id(row["term"])}">'
        f"<dt>{html.escape(row['term'])}</dt><dd><p>{html.escape(row['says'])}</p>"
        f'<p class="small">{also}Explained in {links}.</p></dd></div>'
    )


def section_link(app: Sphinx, docname: str, target: str, anchor: str = "") -> str:
    """A link to a place, named after its section and, in brackets, its page."""
    title = app.env.titles[target].astext() if target in app.env.titles else target
    words = title
    for entry in app.env.tocs.get(target, nodes.Element()).findall(nodes.reference):
        if anchor and entry["anchorname"] == f"#{anchor}":
            words = f"{entry.astext()} ({re.split('[:;]', title)[0]})"
    if app.builder.format != "html":
        return html.escape(words)
    uri = app.builder.get_relative_uri(docname, target)
    return f'<a href="{uri}{"#" + anchor if anchor else ""}">{html.escape(words)}</a>'
