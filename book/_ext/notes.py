"""Notes at hand: what a citation, a term or an equation's number stands for, where it is named."""

import html
import posixpath
import re
from pathlib import Path

import executed
import glossary
from docutils import nodes
from sphinx.application import Sphinx

LINK = re.compile(r'<a class="(?:reference internal|term)[^"]*" href="([^"#]*)#([^"]+)"')
NOTE = re.compile(r'<template class="note".*?</template>\n', re.DOTALL)
ENTRY = re.compile(r'<div class="citation" id="([^"]+)".*?(<p>.*?</p>)', re.DOTALL)
EQUATION = re.compile(
    r'<div class="math[^"]*" id="(equation-[^"]+)">\s*(<div class="formula">.*?</div>)', re.DOTALL
)
BIBLIOGRAPHY, GLOSSARY = "book/bibliography", "book/glossary"


def note_glossary(app: Sphinx, doctree: nodes.document) -> None:
    """A chapter is read again when a term changes."""
    if app.env.docname in executed.of(app.env):
        app.env.note_dependency(str(glossary.FILE))


def mark_terms(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Link the first mention of each term that another page explains to the glossary."""
    if app.builder.format != "html" or docname not in executed.of(app.env):
        return
    left = {
        name.lower(): row["term"]
        for row in glossary.read()["terms"]
        if docname not in {page for page, _ in glossary.places(row)}
        for name in _unmistakable(row, docname)
    }
    page = app.builder.get_relative_uri(docname, GLOSSARY)
    for paragraph in doctree.findall(nodes.paragraph):
        if isinstance(paragraph.parent, nodes.admonition):
            continue
        for text in [node for node in paragraph.children if isinstance(node, nodes.Text)]:
            if left:
                paragraph.replace(text, list(_marked(text.astext(), left, page)))


def _unmistakable(row: dict, docname: str) -> list[str]:
    """A term and its acronyms; its other names are words under which one may search for it. A
    single common word is a term in its own family only.
    """
    term, family = row["term"], docname.split("/")[1]
    if term.isalpha() and term.islower() and family not in row["at"].split("#")[0].split("/"):
        return []
    acronyms = [name for name in row.get("also", []) if name.isupper()]
    return [*glossary.spelled(term), *acronyms]


def _marked(text: str, left: dict[str, str], page: str):
    """The text in parts, terms as links; each term that was found is taken from `left`."""
    names = "|".join(sorted(map(re.escape, left), key=len, reverse=True))
    found = re.search(rf"(?<![\w-])({names})(?:e?s)?(?![\w-])", text, re.IGNORECASE)
    if not found:
        yield nodes.Text(text)
        return
    term = left[found[1].lower()]
    for name in [name for name, other in left.items() if other == term]:
        del left[name]
    yield nodes.Text(text[: found.start()])
    address = f"{page}#term-{nodes.make_id(term)}"
    yield nodes.raw(
        "", f'<a class="term" href="{address}">{html.escape(found[0])}</a>', format="html"
    )
    yield from (
        _marked(text[found.end() :], left, page) if left else [nodes.Text(text[found.end() :])]
    )


def write_notes(app: Sphinx, error: Exception | None) -> None:
    """Put into each page the notes of its links, which `notes.js` shows."""
    if error or app.builder.format != "html":
        return
    site = Path(app.outdir)
    texts = {page: page.read_text(encoding="utf-8") for page in site.rglob("*.html")}
    notes = {}
    for page, text in texts.items():
        name = page.relative_to(site).as_posix()
        notes |= {(name, anchor): formula for anchor, formula in EQUATION.findall(text)}
        if name == f"{BIBLIOGRAPHY}.html":
            notes |= {(name, anchor): entry for anchor, entry in ENTRY.findall(text)}
    for row in glossary.read()["terms"]:
        place = (f"{GLOSSARY}.html", f"term-{nodes.make_id(row['term'])}")
        says = f"<p><strong>{html.escape(row['term'])}</strong>: {html.escape(row['says'])}</p>"
        notes[place] = says
    for page, text in texts.items():
        plain = NOTE.sub("", text)
        here = page.relative_to(site).as_posix()
        found = "".join(
            f'<template class="note" data-for="{file}#{anchor}">{notes[place]}</template>\n'
            for file, anchor in dict.fromkeys(LINK.findall(plain))
            if (place := (_resolved(here, file), anchor)) in notes and file
        )
        noted = plain.replace("</body>", f"{found}</body>")
        if noted != text:
            page.write_text(noted, encoding="utf-8")


def _resolved(page: str, address: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), address))


def setup(app: Sphinx) -> None:
    app.add_js_file("notes.js", loading_method="defer")
    app.connect("doctree-read", note_glossary)
    app.connect("doctree-resolved", mark_terms)
    app.connect(
        "build-finished", write_notes, priority=850
    )  # before fonts are cut to their letters
