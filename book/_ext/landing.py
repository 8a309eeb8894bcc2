"""The landing page: a figure, a card for each chapter, and the score."""

import html
import re

import evidence
import executed
from docutils import nodes
from docutils.parsers.rst import directives
from openings import chapters, openings
from pages import ACRONYMS, BookDirective, count, raw

from helpers.claims import verdict

PICTURE = re.compile(r'<div class="explore-frame"[^>]*>\s*(<svg.*?</svg>|<img[^>]*>)', re.DOTALL)
ID = re.compile(r'(\bid="|url\(#|href="#)')


class Slider(BookDirective):
    """Show a figure of an executed page: ``{slider} chapters/kan`` with ``:name: figure``."""

    required_arguments = 1
    option_spec = {"name": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        docname, name = self.arguments[0], self.options["name"]
        if docname not in self.runs:
            raise self.error(f"slider: no notebook {docname}; there are {', '.join(self.runs)}")
        figures = self.runs[docname].html
        if not self.runs[docname].fingerprint:
            words = f"This figure appears when {docname} is executed."
            return [nodes.paragraph(words, words)]
        if name not in figures:
            raise self.error(f"slider: {docname} has no figure {name}; it has {', '.join(figures)}")
        return [raw(figures[name])]


class Cards(BookDirective):
    """A card for each chapter: its first figure, its title and lead, its papers."""

    def run(self) -> list[nodes.Node]:
        cards = []
        for docname, further in chapters().items():
            self.env.note_dependency(str(executed.ROOT / f"{docname}.md"))
            cards.append(self.card(docname, [docname, *further]))
        return [raw(f'<ul class="cards">{"".join(cards)}</ul>')]

    def card(self, docname: str, pages: list[str]) -> str:
        page = openings()[docname]
        papers = {
            record["key"]
            for name in pages
            for record in self.runs[name].claims
            if record["asks"] == "paper" and verdict(record) == "holds"
        }
        facts = [count(len(pages), "page")] + [f"{count(len(papers), 'paper')} implemented"] * bool(
            papers
        )
        slug = docname.split("/")[1]
        picture = thumbnail(self.runs[docname]) or ACRONYMS.get(slug, slug[0].upper())
        uri = self.address(docname)
        return (
            f'<li><a class="card-link" href="{uri}"><span class="card-picture" aria-hidden="true">'
            f"{picture}</span><span><strong>{html.escape(page.title)}</strong>"
            f"<span>{html.escape(page.lead)}</span>"
            f"<small>{', '.join(facts)}</small></span></a></li>"
        )


def thumbnail(run: executed.Run) -> str:
    """The recorded default frame of a page's first figure, its ids made its own; '' for none."""
    if not run.html or not (found := PICTURE.search(next(iter(run.html.values())))):
        return ""
    prefix = nodes.make_id(f"card-{run.docname}")
    own = ID.sub(rf"\g<1>{prefix}-", found[1])
    return own.replace("<svg ", '<svg preserveAspectRatio="xMinYMid slice" ', 1)


class Score(BookDirective):
    """What the claims came to: held, not reproduced, and under how many seeds."""

    def run(self) -> list[nodes.Node]:
        records = [record for run in self.runs.values() for record in run.claims]
        if not records:
            words = "No page with claims was executed in this build."
            return [nodes.paragraph(words, words)]
        states = [verdict(record) for record in records]
        under = evidence.of(self.env.app)
        seeds = [len(under[r["anchor"]]["measured"]) for r in records if r["anchor"] in under]
        most = max(seeds, default=0)
        papers = [verdict(record) for _, record in self.sections().values()].count("holds")
        parts = [
            (states.count("holds"), "{} hold, and a lazy control of each fails", "claim"),
            (states.count("no control yet"), "{} wait for their control", "claim"),
            (
                states.count("not reproduced"),
                "{} did not reproduce, and the reason is given",
                "claim",
            ),
            (seeds.count(most), f"{{}} were measured under {most} random seeds", "claim"),
            (papers, "{} are implemented", "paper"),
        ]
        said = "; ".join(words.format(f"<b>{count(n, noun)}</b>") for n, words, noun in parts if n)
        return [raw(f'<p class="score">{said}. {self.link("book/ledger", "All claims")}.</p>')]
