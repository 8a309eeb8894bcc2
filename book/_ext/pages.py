"""What the pages that are drawn from data share; the chapter's box."""

import html
from collections.abc import Iterator

import decks
import executed
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from book import form
from helpers.claims import verdict

ATLAS = executed.ROOT / "book" / "atlas.yml"
VERDICTS = ["holds", "no control yet", "not reproduced", "fails"]
ACRONYMS = {"kan": "KAN", "ntk": "NTK", "pinns": "PINNs", "llm_apps": "LLM applications"}


def raw(markup: str) -> nodes.raw:
    return nodes.raw("", markup, format="html")


def family(slug: str) -> str:
    """The name of a chapter's family, from its slug in the atlas."""
    return ACRONYMS.get(slug, slug.replace("_", " ").capitalize())


def count(number: int, noun: str) -> str:
    """'1 paper', '2 papers'."""
    return f"{number} {noun}{'s' * (number != 1)}"


def table(head: list[str], rows: Iterator[str] | list[str], name: str, caption: str) -> str:
    """An HTML table from rows that are markup already; `name` becomes its class."""
    cells = "".join(f'<th scope="col">{title}</th>' for title in head)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{html.escape(caption)}">'
        f'<table class="{name}"><caption>{html.escape(caption)}</caption>'
        f"<thead><tr>{cells}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


class BookDirective(SphinxDirective):
    """A directive that knows the executed notebooks and can link between pages."""

    @property
    def runs(self) -> dict[str, executed.Run]:
        return executed.of(self.env)

    def address(self, docname: str) -> str:
        """A page's address from this one; '' in print, which shows no raw HTML."""
        builder = self.env.app.builder
        return (
            builder.get_relative_uri(self.env.docname, docname) if builder.format == "html" else ""
        )

    def link(self, docname: str, words: str, anchor: str = "") -> str:
        if not (uri := self.address(docname)):
            return html.escape(words)
        return f'<a href="{uri}{"#" + anchor if anchor else ""}">{html.escape(words)}</a>'

    def sections(self) -> dict[str, tuple[str, dict]]:
        """For each paper with a claim that asks its question: the page, and the claim that tells
        most, one that holds first.
        """
        every = [(run.docname, record) for run in self.runs.values() for record in run.claims]
        every.sort(key=lambda pair: VERDICTS.index(verdict(pair[1])))
        found: dict[str, tuple[str, dict]] = {}
        for docname, record in every:
            if record["asks"] == "paper":
                found.setdefault(record["key"], (docname, record))
        return found


def fill_chapter_box(app: Sphinx, doctree: nodes.document) -> None:
    """Add times, sliders and papers to the admonition of class ``chapter-box``."""
    env = app.env
    for box in doctree.findall(
        lambda n: "chapter-box" in getattr(n, "attributes", {}).get("classes", [])
    ):
        run = executed.of(env).get(env.docname, executed.Run(env.docname))
        first = {record["key"]: record for record in reversed(run.claims)}
        papers_here = ", ".join(
            f'<a href="#{record["anchor"]}">{html.escape(record["title"])}</a>'
            for record in reversed(first.values())
        )
        settings = sum(figure["settings"] for figure in run.figures if figure["settings"] > 1)
        facts = {
            "Reading": _reading(env.docname, run),
            "Execution": f"{run.seconds:.0f} s" if run.fingerprint else "not in this build",
            "Sliders": f"{form.sliders(run)}, {settings} settings",
            "Papers": papers_here or "none yet",
        }
        if (name := env.docname.removeprefix("chapters/")) in decks.core_pages():
            facts["Slides"] = f'<a href="../{decks.FOLDER}/{name}.html">a deck of this page</a>'
        box += raw(
            "".join(f"<p><strong>{name}:</strong> {fact}</p>" for name, fact in facts.items())
        )


def _reading(docname: str, run: executed.Run) -> str:
    """How long a page takes to read, exercises apart."""
    page = executed.ROOT / f"{docname}.md"
    exercises = form.counts(page).exercises
    return f"{form.minutes(page, run)} min" + f", and {exercises} exercises" * (exercises > 0)
