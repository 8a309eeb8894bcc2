"""Edits that must turn something red: each is applied to a copy, whose tests and claims are run.

Run as ``python -m tests.mutants [PAGE or helpers ...]`` (``make mutants``). `tests/mutants.yml`
lists the edits. For a page its family's unit tests, its exercises and its claims (seed 0) are run,
for a helper the helpers' tests, until one fails; an edit that nothing notices is printed, and fails
the command. Results are kept in `book/mutants.json`, and made anew when what they rest on changed.
"""

import argparse
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from joblib import Parallel, delayed

from book import execute, settings, stale

ROOT = execute.ROOT
LIST, RESULTS = ROOT / "tests" / "mutants.yml", ROOT / "book" / "mutants.json"
COPIED = ("book", "chapters", "helpers", "tests", "pyproject.toml", "_config.yml", "_toc.yml")
COPIED += ("CONTRIBUTING.md",)
HELPERS_TESTS = ("claims", "explore", "runtime", "training_and_data", "chapters")
LIVE = ("helpers/live/", "book/_static/live")
WHOLE = {"file": "", "old": "", "new": ""}


def edits() -> list[dict]:
    """The rows of the list: file, old and new text, and what the edit is an example of."""
    return yaml.safe_load(LIST.read_text(encoding="utf-8"))


def place(edit: dict) -> str:
    """What an edit belongs to: "helpers", "live", or a page's name such as kan/bases."""
    if edit["file"].startswith(LIVE):
        return "live"
    folder, _, rest = edit["file"].partition("/")
    return "helpers" if folder == "helpers" else rest.removesuffix(".md")


def mutated(edit: dict) -> str:
    """The file's text with the edit made.

    Raises:
        ValueError: the old text is not there, or more than once.
    """
    text = (ROOT / edit["file"]).read_text(encoding="utf-8")
    if (found := text.count(edit["old"])) != 1:
        raise ValueError(f"{edit['file']}: {edit['old']!r} stands there {found} times")
    return text.replace(edit["old"], edit["new"])


def test_files(where: str) -> list[Path]:
    """The unit tests that are run for a page, the helpers or live figures; the page's own first."""
    if where == "helpers":
        return [ROOT / "tests" / f"test_{name}.py" for name in HELPERS_TESTS]
    files = sorted((ROOT / "tests").glob(f"test_{where.split('/')[0]}*.py"))
    return sorted(files, key=lambda file: file.stem != "test_" + where.replace("/", "_"))


def state(where: str, edit: dict) -> str:
    """The hash of what an edit's result rests on: tests, helpers, its family's measuring code."""
    files = test_files(where) + sorted((ROOT / "helpers").glob("*.py"))
    if where == "live":
        folders = ("helpers/live/*.py", "book/_static/live*.js", "tests/live_*.py")
        files += [file for pattern in folders for file in sorted(ROOT.glob(pattern))]
    parts = [json.dumps(edit, sort_keys=True)] + [f.read_text(encoding="utf-8") for f in files]
    parts.append(measuring(where.split("/")[0]))
    return hashlib.sha256("".join(parts).encode()).hexdigest()[:16]


@functools.cache
def measuring(family: str) -> str:
    """The hashes of the code by which a family's pages measure, one after the other."""
    pages = (p for p in execute.notebooks() if execute.name(p).split("/")[0] == family)
    return "".join(map(stale.measuring, pages))


def noticed(where: str, edit: dict) -> str:
    """The first test or claim that fails in a copy with the edit; '' if none does."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in COPIED:
            if (ROOT / name).is_dir():
                ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
                shutil.copytree(ROOT / name, copy / name, ignore=ignored)
            else:
                shutil.copy(ROOT / name, copy)
        if edit["file"]:
            (copy / edit["file"]).write_text(mutated(edit), encoding="utf-8")
        tests = [file.relative_to(ROOT) for file in test_files(where)]
        test = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
        built = ["-k", "not of_a_page"] if where == "live" else []
        if red := _run([*test, *built], copy, "FAILED", "ERROR"):
            return red
        if where in ("helpers", "live"):
            return ""
        exercise = [*test[:7], "tests/test_exercises.py"]
        if red := _run(exercise, copy, "FAILED", "ERROR", PAGES=where):
            return red
        measure = [sys.executable, "-m", "book.seeds", "0", where, "--target", copy / "seeds.json"]
        return _run(measure, copy, where)


def _run(command: list, folder: Path, *marks: str, **environment: str) -> str:
    """The line of its output that says what failed; '' if it succeeds."""
    environment = os.environ | {"BOOK_SEED": "0", "OMP_NUM_THREADS": "1"} | environment
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode in (0, 5):
        return ""
    lines = (done.stdout + done.stderr).splitlines()
    return next((x for x in lines if x.startswith(marks)), lines[-1] if lines else "stopped")[:160]


def _tried(now: str, edit: dict, where: str) -> tuple[str, dict, str, str, float]:
    began = time.monotonic()
    return now, edit, where, noticed(where, edit), time.monotonic() - began


def known() -> dict[str, dict]:
    """The results on record, by the state that they rest on."""
    if not RESULTS.exists():
        return {}
    return {row["state"]: row for row in json.loads(RESULTS.read_text(encoding="utf-8"))["rows"]}


def record(results: dict[str, dict]) -> None:
    """Write the results, one a line."""
    rows = sorted(results.values(), key=lambda row: (row["place"], row["what"]))
    lines = ",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in rows)
    RESULTS.write_text(f'{{"rows": [\n{lines}\n]}}\n', encoding="utf-8")


def attempt(todo: dict[str, dict], results: dict[str, dict]) -> str:
    """Try edits by state, each place once without any; a sentence if that fails already."""
    places = dict.fromkeys(map(place, todo.values()))
    tasks = [("", WHOLE, where) for where in places]
    tasks += [(now, edit, place(edit)) for now, edit in todo.items()]
    began = time.monotonic()
    runs = Parallel(n_jobs=-1, return_as="generator_unordered")(delayed(_tried)(*t) for t in tasks)
    for done, (now, edit, where, red, seconds) in enumerate(runs, start=1):
        left = (time.monotonic() - began) / done * (len(tasks) - done) / 60
        what = edit.get("what", "no edit")
        said = red or ("SURVIVED" if edit["file"] else "all passes")
        clock = f"[{done}/{len(tasks)}] {where}, {seconds:.0f} s, about {left:.0f} min left"
        print(f"  {clock}: {what}: {said}", flush=True)
        if edit["file"]:
            results[now] = {"place": where, "what": what, "red": red, "state": now}
            record(results)
        elif red:
            return f"{where} fails without an edit: {red}"
    return ""


@settings.command
def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "places", nargs="*", help="such as kan or helpers; by default PAGES, or all"
    )
    given = parser.parse_args()
    wanted = given.places or settings.pages()
    states = {state(place(edit), edit): edit for edit in edits()}
    results = {now: row for now, row in known().items() if now in states}
    rows = {now: e for now, e in states.items() if not wanted or place(e) in wanted}
    todo = {now: e for now, e in rows.items() if not results.get(now, {}).get("red")}
    print(f"{len(rows)} edits, {len(todo)} to try", flush=True)
    if fault := attempt(todo, results):
        print(fault, file=sys.stderr)
        return 1
    record(results)
    survivors = [edit["what"] for now, edit in rows.items() if not results[now]["red"]]
    for what in survivors:
        print(f"survived: {what}", file=sys.stderr)
    print(f"{len(rows) - len(survivors)} of {len(rows)} edits turned something red")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
