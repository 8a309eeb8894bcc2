"""The atlas: every paper, those implemented first, with each family's progress and a filter."""

import html
from collections.abc import Iterable

from docutils import nodes
from filters import Filter, item
from glossary import FILE, related
from openings import chapters
from pages import ATLAS, BookDirective, family, raw

from helpers.atlas import papers
from helpers.claims import verdict

STATES = ("implemented", "no control yet", "not reproduced", "fails", "planned")


class Atlas(BookDirective):
    """The families that stand, each with its papers; then those to come, folded."""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(ATLAS))
        self.env.note_dependency(str(FILE))
        self.found = self.sections()
        families: dict[str, list[dict]] = {}
        for row in sorted(papers().values(), key=lambda row: STATES.index(self.state_of(row))):
            families.setdefault(row["chapter"], []).append(row)
        pages = [docname.removeprefix("chapters/") for docname in chapters()]
        named = sorted(families, key=family)
        begun = [slug for slug in named if slug not in pages and self.done(families[slug])]
        standing = [slug for slug in pages if slug in families] + begun
        to_come = [slug for slug in named if slug not in standing]
        present = {self.state_of(row) for row in papers().values()}
        form = Filter(
            "papers",
            "papers",
            [
                ("chapter", "Family", {slug: family(slug) for slug in named}),
                ("state", "State", {state: state for state in STATES if state in present}),
            ],
        )
        blocks = [self.block(slug, families[slug]) for slug in standing]
        folds = [self.fold(slug, families[slug]) for slug in to_come]
        later = '<div class="filter-group"><h2>Families to come</h2>' + "".join(folds) + "</div>"
        return [raw(form.markup() + "".join(blocks) + (later if folds else ""))]

    def state_of(self, row: dict) -> str:
        """A paper's state, from the claim that tells most."""
        if row["key"] not in self.found:
            return "planned"
        found = verdict(self.found[row["key"]][1])
        return "implemented" if found == "holds" else found

    def done(self, rows: Iterable[dict]) -> int:
        """How many of the papers have a claim that was checked."""
        return sum(self.state_of(row) != "planned" for row in rows)

    def block(self, slug: str, rows: list[dict]) -> str:
        """A family that stands: its papers with claims open, the planned ones folded."""
        checked, planned = rows[: self.done(rows)], rows[self.done(rows) :]
        name = html.escape(family(slug))
        if f"chapters/{slug}" in chapters():
            name = self.link(f"chapters/{slug}", family(slug))
        markup = f"<h2>{name} {self.progress(rows)}</h2>{self.papers(checked)}"
        if planned:
            markup += (
                f'<details class="filter-group"><summary>{len(planned)} planned</summary>'
                f"{self.papers(planned)}</details>"
            )
        return f'<section class="filter-group family" id="family-{slug}">{markup}</section>'

    def fold(self, slug: str, rows: list[dict]) -> str:
        """A family that is to come."""
        return (
            f'<details class="filter-group family" id="family-{slug}"><summary>'
            f"{html.escape(family(slug))} {self.progress(rows)}</summary>"
            f"{self.papers(rows)}</details>"
        )

    def progress(self, rows: list[dict]) -> str:
        """A bar, and what it says in words."""
        done = sum(self.state_of(row) == "implemented" for row in rows)
        share = f"{done / len(rows):.0%}"
        checked = self.done(rows) - done
        words = f"{done} of {len(rows)} implemented" + (f", {checked} begun" if checked else "")
        return (
            f'<span class="done"><span class="done-bar" aria-hidden="true">'
            f'<span style="width: {share}"></span></span>{words}</span>'
        )

    def papers(self, rows: list[dict]) -> str:
        return f'<ul class="papers">{"".join(map(self.paper, rows))}</ul>' if rows else ""

    def paper(self, row: dict) -> str:
        """A paper: title, year and number where they were looked up, state, tier."""
        state = self.state_of(row)
        facts, shown = [], state
        if row.get("verified"):
            url = f"https://arxiv.org/abs/{row['arxiv']}"
            facts.append(f'{row["year"]}, <a href="{url}">arXiv:{row["arxiv"]}</a>')
        if state != "planned":
            docname, record = self.found[row["key"]]
            shown = self.link(docname, state, record["anchor"])
        facts.append(f"tier {row['tier']}")
        if also := [family(slug) for slug in row.get("also", [])]:
            facts.append(f"also {', '.join(map(html.escape, also))}")
        text = " ".join([row["title"], family(row["chapter"]), row["chapter"], *also])
        values = {"chapter": "|".join([row["chapter"], *row.get("also", [])]), "state": state}
        return (
            f'<li {item(words=related(text), **values)} id="paper-{row["key"]}">'
            f'<span class="state state-{state.replace(" ", "-")}">{shown}</span> '
            f"{html.escape(row['title'])} <small>({'; '.join(facts)})</small></li>"
        )
