"""The ledger: every claim with its bar, its control, its seeds and its verdict, by paper."""

import html
from collections import Counter

import evidence
from docutils import nodes
from filters import Filter, item
from glossary import FILE, related
from pages import VERDICTS, BookDirective, count, family, raw, table

from helpers.atlas import paper
from helpers.claims import ASKS, bar_text, distance, verdict


class Ledger(BookDirective):
    """A summary, a filter, and all claims, grouped by paper."""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(FILE))
        records = [(run.docname, record) for run in self.runs.values() for record in run.claims]
        if not records:
            words = "No page with claims was executed in this build."
            return [nodes.paragraph(words, words)]
        groups: dict[str, list[tuple[str, dict]]] = {}
        for docname, record in records:
            groups.setdefault(record["key"], []).append((docname, record))
        self.families = list(dict.fromkeys(paper(key)["chapter"] for key in groups))
        self.verdicts = [v for v in VERDICTS if any(verdict(r) == v for _, r in records)]
        form = Filter(
            "claims",
            "claims",
            [
                ("family", "Family", {slug: family(slug) for slug in self.families}),
                ("verdict", "Verdict", {v: v for v in self.verdicts}),
                ("asks", "Question of", ASKS),
            ],
            folds=True,
        )
        papers = "".join(self.paper(key, group) for key, group in groups.items())
        return [raw(self.summary(records) + form.markup() + f'<div class="ledger">{papers}</div>')]

    def summary(self, records: list[tuple[str, dict]]) -> str:
        """Verdict by family; each number sets the filter."""
        pairs = Counter((paper(r["key"])["chapter"], verdict(r)) for _, r in records)
        rows = []
        for slug in self.families:
            cells = [_number(pairs[slug, v], f"family={slug}&verdict={v}") for v in self.verdicts]
            rows.append(_row(_number(family(slug), f"family={slug}"), cells))
        sums = [sum(pairs[slug, v] for slug in self.families) for v in self.verdicts]
        cells = [_number(n, f"verdict={v}") for n, v in zip(sums, self.verdicts)]
        rows.append(_row("All", cells))
        caption = (
            f"{count(len(records), 'claim')}, measured under BOOK_SEED={records[0][1]['seed']}"
        )
        return table(["Family", *self.verdicts], rows, "ledger-summary", caption)

    def paper(self, key: str, group: list[tuple[str, dict]]) -> str:
        """A paper with its claims, behind a fold that says how they ended."""
        ends = Counter(verdict(record) for _, record in group)
        badges = " ".join(
            f'<span class="state state-{v.replace(" ", "-")}">{ends[v]} {_said(v, ends[v])}</span>'
            for v in VERDICTS
            if ends[v]
        )
        row = paper(key)
        words = html.escape(f"{row['title']} {related(row['title'] + ' ' + row['chapter'])}")
        claims = "".join(self.claim(docname, record) for docname, record in group)
        atlas = self.link("book/atlas", "In the atlas", f"paper-{key}")
        return (
            f'<details class="filter-group ledger-paper" id="ledger-{key}" data-words="{words}">'
            f"<summary>{html.escape(row['title'])} {badges}</summary>{claims}"
            f'<p class="small">{atlas}</p></details>'
        )

    def claim(self, docname: str, record: dict) -> str:
        """One claim: what it says, how it ended, and what stands behind it."""
        state = verdict(record)
        entry = evidence.of(self.env.app).get(record["anchor"])
        facts = [
            ("Measured", f"{record['measured']:.3g}, {distance(record)}"),
            ("Bar", bar_text(record)),
            *(("Control", f"{html.escape(n)}: {v:.3g}") for n, v in record["controls"]),
            *(
                ("Rival", f"{html.escape(r['name'])}: {r['measured']:.3g}")
                for r in record["rivals"]
            ),
            *([("Why", html.escape(record["because"]))] if record["because"] else []),
            *([("Seeds", evidence.strip(entry))] if entry else []),
            *([("Asked by", html.escape(ASKS["ours"]))] if record["asks"] == "ours" else []),
        ]
        marks = item(
            "ledger-claim",
            family=paper(record["key"])["chapter"],
            verdict=state,
            asks=record["asks"],
        )
        rows = "".join(f"<div><dt>{name}</dt><dd>{fact}</dd></div>" for name, fact in facts)
        return (
            f"<article {marks}><p>{self.link(docname, record['says'], record['anchor'])} "
            f'<span class="state state-{state.replace(" ", "-")}">{state}</span></p>'
            f"<dl>{rows}</dl></article>"
        )


def _number(words: int | str, choice: str) -> str:
    return f'<a href="#claims?{html.escape(choice)}">{words}</a>' if words else "0"


def _row(head: str, cells: list[str]) -> str:
    return f'<tr><th scope="row">{head}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'


def _said(verdict: str, number: int) -> str:
    """'1 holds', '2 hold'."""
    return {"holds": "hold", "fails": "fail"}.get(verdict, verdict) if number > 1 else verdict
