"""The map of the book, drawn from what its pages ask for; and what comes next, and why."""

import html

import executed
from docutils import nodes
from openings import openings
from pages import BookDirective, raw
from sphinx.application import Sphinx

ROW, LEFT, WIDTH, STEP = 30, 88, 432, 14


class BookMap(BookDirective):
    """One row a page, in the contents' order; an arc from each page to those that need it."""

    def run(self) -> list[nodes.Node]:
        for docname in openings():
            self.env.note_dependency(str(executed.ROOT / f"{docname}.md"))
        place = {docname: (n + 0.5) * ROW for n, docname in enumerate(openings())}
        arcs, rows = [], []
        for docname, page in openings().items():
            kinds = [("need", page.needs), ("help", page.helps)]
            arcs += [
                _arc(place[other], place[docname], kind)
                for kind, others in kinds
                for other in others
                if other in place
            ]
            rows.append(self.row(docname, page, place[docname]))
        height = len(place) * ROW
        return [
            raw(
                f'<svg class="book-map" viewBox="0 0 {WIDTH} {height}" role="group" '
                f'aria-label="The pages of the book and which need which">'
                f'<g aria-hidden="true">{"".join(arcs)}</g>{"".join(rows)}</svg>'
            )
        ]

    def row(self, docname: str, page, y: float) -> str:
        needs = ", ".join(openings()[other].short for other in page.needs if other in openings())
        uri = self.address(docname)
        label = f"{page.short}, needs {needs}" if needs else page.short
        x = LEFT + (STEP if page.parent else 0)
        core = "" if page.parent else ' class="book-map-core"'
        return (
            f'<a href="{uri}" aria-label="{html.escape(label)}"{core}>'
            f'<circle cx="{LEFT - 8}" cy="{y:g}" r="{3.5 if page.parent else 5}"/>'
            f'<text x="{x}" y="{y + 5:g}">{html.escape(page.short)}</text></a>'
        )


def _arc(start: float, end: float, kind: str) -> str:
    """A half ellipse left of the titles, wider for pages that are far apart."""
    x = LEFT - 8
    reach = min(x - 4, 12 + abs(end - start) * 0.13)
    return (
        f'<path class="book-map-{kind}" d="M{x} {start:g}C{x - reach * 4 / 3:.0f} {start:g} '
        f'{x - reach * 4 / 3:.0f} {end:g} {x} {end:g}"/>'
    )


def say_what_is_next(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    """Put the next page's first sentence below its title."""
    following = app.env.collect_relations().get(page, [None] * 3)[2] if doctree else None
    if following in openings() and context.get("next"):
        why = html.escape(openings()[following].sentence)
        title = f'{context["next"]["title"]}<span class="next-why">{why}</span>'
        context["next"] = {**context["next"], "title": title}
