"""`make bench`: time the book's methods beside their peers, and write book/benchmarks.json.

Every module ``bench_*.py`` of this folder has a function ``rows() -> list[dict]``; a row has a
task, both sides in words, the ratio of their times (peer over ours), the least that will do
(None where either side may win) and the optional peer that it needs. Where that peer is missing,
its rows of an earlier run are kept, with their date. ``python -m tests.benchmarks.run ntk kan``
runs two modules; each module's rows are written when it ends.
"""

import json
import pkgutil
import platform
import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import torch

import helpers  # noqa: F401  (pins torch to one thread)
from tests.benchmarks.timing import progress

FOLDER = Path(__file__).resolve().parent
REPORT = FOLDER.parent.parent / "book" / "benchmarks.json"
COLUMNS = ("task", "ours", "peer")


def main() -> int:
    """Run the benchmarks that the command names, or all; 1 if a ratio is below its target."""
    asked = [f"bench_{name}" for name in sys.argv[1:]] or modules()
    if unknown := set(asked) - set(modules()):
        sys.exit(f"no such benchmark: {', '.join(sorted(unknown))}; there are {modules()}")
    for name in asked:
        write(name, measure(name))
    report = read()
    print(report["conditions"], table(report["rows"]), sep="\n\n")
    return 0 if all(met(row) for row in report["rows"]) else 1


def read() -> dict:
    """The report of earlier runs."""
    return json.loads(REPORT.read_text(encoding="utf-8")) if REPORT.exists() else {"rows": []}


def write(module: str, rows: list[dict]) -> None:
    """Put a module's new rows in the place of its former ones; nobody's work waits for the rest.

    Former rows whose optional peer was missing in this run stay.
    """
    marks = {"module": module, "date": datetime.now(UTC).date().isoformat()}
    present = {row["needs"] for row in rows}
    kept = [
        row
        for row in read()["rows"]
        if row["module"] != module or (row["needs"] and row["needs"] not in present)
    ]
    every = sorted(kept + [row | marks for row in rows], key=lambda row: row["module"])
    report = {"conditions": conditions(), "rows": every}
    text = json.dumps(report, indent=1, sort_keys=True, ensure_ascii=False)
    REPORT.write_text(text + "\n", encoding="utf-8")


def modules() -> list[str]:
    """The names of the modules with benchmarks, sorted."""
    found = (module.name for module in pkgutil.iter_modules([str(FOLDER)]))
    return sorted(name for name in found if name.startswith("bench_"))


def measure(name: str) -> list[dict]:
    """The rows of one module, which finds torch's default number format (DeepXDE changes it)."""
    progress(f"{name}.py")
    torch.set_default_dtype(torch.float32)
    return import_module(f"tests.benchmarks.{name}").rows()


def met(row: dict) -> bool:
    """Whether a row's ratio reaches its target, if it has one; one that is no number does not."""
    return row["target"] is None or row["ratio"] >= row["target"]


def conditions() -> str:
    """The machine, the versions and the date, in one line."""
    threads = torch.get_num_threads()
    return (
        f"CPU time on {cpu()}, {'one thread' if threads == 1 else f'{threads} threads'}, "
        f"Python {platform.python_version()}, torch {torch.__version__}, {datetime.now(UTC).date()}"
    )


def cpu() -> str:
    """The processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def table(rows: list[dict]) -> str:
    """The rows as aligned text, with the target and whether it is met."""
    lines = [("Task", "This book", "Peer", "Ratio", "Target", "", "Date")]
    for row in rows:
        bar = "none" if row["target"] is None else f">= {row['target']:g}"
        verdict = "met" if met(row) else "MISSED"
        words = (row[column] for column in COLUMNS)
        lines.append((*words, f"{row['ratio']:.1f}", bar, verdict, row["date"]))
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


if __name__ == "__main__":
    sys.exit(main())
