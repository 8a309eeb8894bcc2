"""Directives that draw pages from data: chapter box, atlas, ledger, run times and others."""

import html
import json
from collections.abc import Iterator

import evidence
import executed
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from book import form
from helpers.atlas import papers
from helpers.claims import bar_text, verdict

ATLAS = executed.ROOT / "book" / "atlas.yml"
BENCHMARKS = executed.ROOT / "book" / "benchmarks.json"
VERDICTS = ["holds", "no control yet", "not reproduced", "fails"]
ACRONYMS = {"kan": "KAN", "ntk": "NTK", "pinns": "PINNs", "llm_apps": "LLM applications"}


def raw(markup: str) -> nodes.raw:
    return nodes.raw("", markup, format="html")


def family(slug: str) -> str:
    """The name of a chapter's family, from its slug in the atlas."""
    return ACRONYMS.get(slug, slug.replace("_", " ").capitalize())


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

    def link(self, docname: str, words: str, anchor: str = "") -> str:
        builder = self.env.app.builder
        if builder.format != "html":  # print has no raw HTML, and LaTeX knows no addresses yet
            return html.escape(words)
        uri = builder.get_relative_uri(self.env.docname, docname)
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
            "Sliders": f"{sum(f['settings'] > 1 for f in run.figures)}, {settings} settings",
            "Papers": papers_here or "none yet",
        }
        box += raw(
            "".join(f"<p><strong>{name}:</strong> {fact}</p>" for name, fact in facts.items())
        )


def _reading(docname: str, run: executed.Run) -> str:
    """How long a page takes to read, exercises apart."""
    page = executed.ROOT / f"{docname}.md"
    sliders = sum(figure["settings"] > 1 for figure in run.figures)
    minutes = form.minutes(page, sliders, len(run.claims))
    exercises = form.counts(page).exercises
    return f"{minutes} min" + f", and {exercises} exercises" * (exercises > 0)


class Atlas(BookDirective):
    """Every paper with its chapter and state, with a filter."""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(ATLAS))
        rows = papers().values()
        chapters = sorted({row["chapter"] for row in rows}, key=family)
        options = "".join(f'<option value="{c}">{family(c)}</option>' for c in chapters)
        states = "".join(
            f"<option>{s}</option>"
            for s in ("implemented", "no control yet", "not reproduced", "planned")
        )
        form = (
            '<form class="atlas-filter" hidden>'
            '<label>Title <input name="words" type="search"></label>'
            f'<label>Family <select name="family"><option value="">all</option>{options}'
            '</select></label><label>State <select name="state"><option value="">all</option>'
            f'{states}</select></label><output aria-live="polite"></output></form>'
        )
        sections = self.sections()
        body = [self.row(row, sections.get(row["key"])) for row in rows]
        head = ["Paper", "Family", "Tier", "State"]
        return [raw(form + table(head, body, "atlas", "The papers of this book"))]

    def row(self, row: dict, section: tuple[str, dict] | None) -> str:
        title = html.escape(row["title"])
        if row.get("verified"):
            url = f"https://arxiv.org/abs/{row['arxiv']}"
            title += f' (<a href="{url}">arXiv {row["arxiv"]}</a>, {row["year"]})'
        state, shown = "planned", "planned"
        if section:
            docname, record = section
            state = "implemented" if verdict(record) == "holds" else verdict(record)
            shown = self.link(docname, state, record["anchor"])
        return (
            f'<tr id="paper-{row["key"]}" data-chapter="{row["chapter"]}" data-state="{state}">'
            f"<td>{title}</td>"
            f"<td>{family(row['chapter'])}</td><td>{row['tier']}</td>"
            f'<td class="state-{state.replace(" ", "-")}">{shown}</td></tr>'
        )


class AtlasCount(BookDirective):
    """One sentence that counts the papers, those implemented, and the claims checked."""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(ATLAS))
        records = [record for run in self.runs.values() for record in run.claims]
        states = [verdict(record) for _, record in self.sections().values()]
        settings = sum(f["settings"] for run in self.runs.values() for f in run.figures)
        text = (
            f"{states.count('holds')} of {len(papers())} papers are implemented so far, each by a "
            f"claim that a control misses; {states.count('no control yet')} more have claims whose "
            f"controls are still to come. {len(records)} claims are checked and {settings} slider "
            "settings recorded each time the book is built."
        )
        return [nodes.paragraph(text, text)]


class Ledger(BookDirective):
    """Every claim with its bar, what was measured, the verdict, and a link to its place."""

    def run(self) -> list[nodes.Node]:
        records = [(run.docname, record) for run in self.runs.values() for record in run.claims]
        body = [self.row(docname, record) for docname, record in records]
        seed = records[0][1]["seed"] if records else 0
        caption = f"{len(records)} claims, measured under BOOK_SEED={seed}"
        head = ["Paper", "Claim", "Measured", "Control", "Seeds", "Verdict"]
        return [raw(table(head, body, "ledger", caption))]

    def row(self, docname: str, record: dict) -> str:
        why = f"<br><small>{html.escape(record['because'])}</small>" if record["because"] else ""
        ours = "<br><small>a question of ours</small>" if record["asks"] == "ours" else ""
        controls = "<br>".join(f"{html.escape(n)}: {v:.3g}" for n, v in record["controls"])
        entry = evidence.of(self.env.app).get(record["anchor"])
        cells = [
            html.escape(record["title"]) + ours,
            html.escape(record["says"]) + why,
            f"{record['measured']:.3g}<br><small>bar: {bar_text(record)}</small>",
            controls or "none" + " yet" * record["reproduces"],
            evidence.strip(entry) if entry else "one",
            self.link(docname, verdict(record), record["anchor"]),
        ]
        return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


class Mutants(BookDirective):
    """How many edits of the sources were tried, and how many turned something red, by place."""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(evidence.MUTANTS))
        tried = json.loads(evidence.MUTANTS.read_text(encoding="utf-8"))["rows"]
        body = []
        for place in dict.fromkeys(row["place"] for row in tried):
            rows = [row for row in tried if row["place"] == place]
            lived = [html.escape(row["what"]) for row in rows if not row["red"]]
            body.append(
                f"<tr><td>{place}</td><td>{len(rows)}</td><td>{len(rows) - len(lived)}</td>"
                f"<td>{'; '.join(lived) or 'none'}</td></tr>"
            )
        head = ["Sources", "Edits", "Noticed", "Not noticed"]
        caption = f"{len(tried)} edits that should turn something red"
        return [raw(table(head, body, "mutants", caption))]


class RunTimes(BookDirective):
    """How long each notebook takes to execute, all recorded frames included."""

    def run(self) -> list[nodes.Node]:
        runs = [run for run in self.runs.values() if run.fingerprint]
        body = [
            f"<tr><td>{self.link(run.docname, run.docname)}</td><td>{run.seconds:.1f}</td>"
            f"<td>{run.reference_seconds:.1f}</td><td>{run.cells}</td><td>{len(run.claims)}</td>"
            f"<td>{sum(f['settings'] for f in run.figures)}</td>"
            f"<td>{sum(f['bytes'] for f in run.figures) / 1e3:.0f}</td></tr>"
            for run in runs
        ]
        head = [
            "Notebook",
            "CPU seconds here",
            "on the reference machine",
            "Code cells",
            "Claims",
            "Slider settings",
            "Frames, kB gzipped",
        ]
        keys = {record["key"] for run in runs for record in run.claims}
        paper = sum(run.reference_seconds for run in runs) / max(len(keys), 1)
        caption = f"Execution of each notebook; {paper:.0f} reference seconds a paper ({len(keys)})"
        return [raw(table(head, body, "run-times", caption))]


def target_text(target: float | None) -> str:
    """A benchmark's target in words."""
    return "none: either may win" if target is None else f"at least {target:g}"


class Benchmarks(BookDirective):
    """The table of ratios that `make bench` wrote."""

    def run(self) -> list[nodes.Node]:
        if not BENCHMARKS.exists():
            return [
                nodes.paragraph(
                    "", "No benchmark has been run yet: `make bench` writes this table."
                )
            ]
        self.env.note_dependency(str(BENCHMARKS))
        report = json.loads(BENCHMARKS.read_text(encoding="utf-8"))
        body = [
            f"<tr><td>{html.escape(row['task'])}</td><td>{html.escape(row['ours'])}</td>"
            f"<td>{html.escape(row['peer'])}</td><td>{row['ratio']:.1f}</td>"
            f"<td>{target_text(row['target'])}</td><td>{row['date']}</td></tr>"
            for row in report["rows"]
        ]
        head = ["Task", "This book", "Peer", "Ratio", "Target", "Measured"]
        return [raw(table(head, body, "benchmarks", report["conditions"]))]


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


DIRECTIVES = {
    "atlas": Atlas,
    "atlas-count": AtlasCount,
    "ledger": Ledger,
    "mutants": Mutants,
    "run-times": RunTimes,
    "benchmarks": Benchmarks,
    "slider": Slider,
}
