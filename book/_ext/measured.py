"""Tables of what was measured: edits noticed, run times, benchmarks."""

import html
import json

import evidence
import executed
from docutils import nodes
from pages import BookDirective, raw, table

BENCHMARKS = executed.ROOT / "book" / "benchmarks.json"


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
