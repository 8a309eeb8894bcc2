"""Measure the claims under many seeds: the pages' code without frames, in parallel.

Run as ``python -m book.seeds 0-19 [PAGE ...]`` (``make seeds SEEDS=0-19``). What was measured is
kept in `book/seeds.json`, so that a run that was stopped goes on where it was; a page is measured
anew when the code that measures changed (`book.stale.measuring`). Tasks, one a page and seed, go
through joblib: ``--backend dask`` or ``ray`` spreads them over the machines of a cluster.
"""

import argparse
import contextlib
import importlib
import io
import json
import linecache
import os
import re
import resource
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from joblib import Parallel, cpu_count, delayed, parallel_config

from book import execute, settings, stale
from helpers import chapters, claims

TARGET = execute.ROOT / "book" / "seeds.json"
DIGITS = 5


def measure(name: str, seed: int) -> dict:
    """Run one page's code under one seed: its claims' records, CPU seconds, a traceback or ''."""
    import matplotlib
    import torch

    matplotlib.use("agg")
    os.environ |= {"BOOK_SEED": str(seed), "BOOK_RECORD": "1"}
    torch.set_default_dtype(torch.float32)
    for module in [m for m in sys.modules if m.split(".")[0] == "chapters"]:
        del sys.modules[module]  # what another page's run may have changed
    page, began, trouble = execute.page_named(name), _seconds(), ""
    space, folder = {"__name__": "__main__"}, os.getcwd()
    with _bare_helpers() as records, contextlib.redirect_stdout(io.StringIO()):
        os.chdir(page.parent)
        try:
            for line, cell in chapters.code_cells(page):
                where = f"{page} from line {line}"
                linecache.cache[where] = (len(cell), None, cell.splitlines(True), where)
                exec(compile(cell, where, "exec"), space)
        except Exception:
            trouble = traceback.format_exc(limit=-3)
        finally:
            os.chdir(folder)
    sys.modules["matplotlib.pyplot"].close("all")
    return {"seconds": _seconds() - began, "claims": records, "trouble": trouble}


@contextlib.contextmanager
def _bare_helpers() -> Iterator[list[dict]]:
    """Helpers that draw and say nothing; claims are noted in the list and stop no page."""
    helpers, telling = map(importlib.import_module, ("helpers", "helpers.telling"))
    changed = (helpers.claim, helpers.explore, helpers.live, claims.display, telling.display)
    records = []

    def noted(*arguments, **named):
        with contextlib.suppress(claims.ClaimFailed):
            changed[0](*arguments, **named)

    def keep(_bundle, metadata, raw):
        records.append(metadata[claims.METADATA])

    helpers.claim, helpers.explore = noted, lambda **_: lambda draw: draw
    helpers.live = helpers.explore
    claims.display, telling.display = keep, lambda *_: None
    try:
        yield records
    finally:
        helpers.claim, helpers.explore, helpers.live, claims.display, telling.display = changed


def _seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def read(path: Path = TARGET) -> dict[str, dict]:
    """What was measured, by page."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def write(known: dict[str, dict], path: Path) -> None:
    """One line a claim, so that a difference in git can be read; pages in order."""
    pages = []
    for name in sorted(known):
        page = dict(known[name])
        rows = ",\n".join("  " + _json(claim) for claim in page.pop("claims"))
        pages.append(f'{_json(name)}: {_json(page)[:-1]}, "claims": [\n{rows}\n]}}')
    path.write_text("{\n" + ",\n".join(pages) + "\n}\n", encoding="utf-8")


def _json(value) -> str:
    return json.dumps(value, ensure_ascii=False)


def sweep(names: list[str], seeds: list[int], backend: str, path: Path) -> int:
    """Measure what is missing; how many claims fail under some seed."""
    known = read(path)
    for name in names:
        now = stale.measuring(execute.page_named(name))
        if known.get(name, {}).get("state") != now:
            known[name] = {"state": now, "seconds": {}, "trouble": {}, "claims": []}
    tasks = [(n, s) for s in seeds for n in names if str(s) not in known[n]["seconds"]]
    print(f"{len(names)} page(s), {len(tasks)} run(s) to make", flush=True)
    began = time.monotonic()
    with _workers(backend):
        jobs = (delayed(_task)(*task) for task in tasks)
        runs = Parallel(return_as="generator_unordered")(jobs)
        for done, (name, seed, run) in enumerate(runs, start=1):
            put(known[name], seed, run)
            write(known, path)
            faults = [text for r in run["claims"] if (text := claims.trouble(r))]
            faults += run["trouble"].strip().splitlines()[-1:]
            left = (time.monotonic() - began) / done * (len(tasks) - done) / 60
            said = "; ".join(faults) or "all hold"
            print(f"  [{done}/{len(tasks)}] {name}, seed {seed}, {run['seconds']:.0f} s: {said}; "
                  f"about {left:.0f} min left", flush=True)  # fmt: skip
    lines = [line for name in names for line in failures(name, known[name])]
    print("\n".join(lines) or "No claim fails and no control passes under any seed.")
    return len(lines)


@contextlib.contextmanager
def _workers(backend: str) -> Iterator[None]:
    """This machine's processes; or a Dask cluster's (DASK_SCHEDULER_ADDRESS), or Ray's."""
    with contextlib.ExitStack() as stack:
        if backend == "dask":
            distributed = importlib.import_module("dask.distributed")
            own = {"n_workers": cpu_count(), "threads_per_worker": 1}
            elsewhere = "DASK_SCHEDULER_ADDRESS" in os.environ
            stack.enter_context(distributed.Client(**({} if elsewhere else own)))
        elif backend == "ray":
            importlib.import_module("ray.util.joblib").register_ray()
        stack.enter_context(parallel_config(backend=backend, n_jobs=-1))
        yield


def _task(name: str, seed: int) -> tuple[str, int, dict]:
    return name, seed, measure(name, seed)


def put(page: dict, seed: int, run: dict) -> None:
    """Add one run to a page's entry; its claims are told apart by their place on the page."""
    page["seconds"][str(seed)] = round(run["seconds"], 1)
    if run["trouble"]:
        page["trouble"][str(seed)] = run["trouble"]
    for place, record in enumerate(run["claims"]):
        if place == len(page["claims"]):
            kept = ("key", "says", "anchor", "low", "high", "reproduces", "asks")
            page["claims"].append({k: record[k] for k in kept} | {"measured": {}, "controls": {}})
        entry = page["claims"][place]
        entry["measured"][str(seed)] = _short(record["measured"])
        for name, value in record["controls"]:
            entry["controls"].setdefault(name, {})[str(seed)] = _short(value)
        for rival in record["rivals"]:
            kept = {"low": rival["low"], "high": rival["high"], "measured": {}}
            floor = entry.setdefault("rivals", {}).setdefault(rival["name"], kept)
            floor["measured"][str(seed)] = _short(rival["measured"])


def _short(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")


def failures(name: str, page: dict) -> list[str]:
    """What went wrong on a page under some seed, a line each."""
    found = []
    for seed, text in page["trouble"].items():
        found.append(f"{name} under seed {seed}: {text.strip().splitlines()[-1]}")
    for entry in page["claims"]:
        what = f"{name} {entry['key']}: {entry['says']} Bar: {claims.bar_text(entry)}."
        if wrong := _where(entry["measured"], entry, not entry["reproduces"]):
            found.append(f"{what} Measured under seeds {wrong}")
        for control, values in entry["controls"].items():
            if wrong := _where(values, entry, True):
                found.append(f"{what} The control passes, {control}: {wrong}")
        for rival, floor in entry.get("rivals", {}).items():
            if wrong := _where(floor["measured"], floor, False):
                found.append(f"{what} The rival is below its floor, {rival}: {wrong}")
    return found


def _where(values: dict[str, float], bar: dict, passes: bool) -> dict[str, float]:
    """The values, by seed, that clear a bar; or those that do not."""
    return {seed: value for seed, value in values.items() if claims.passes(bar, value) == passes}


def seeds_of(text: str) -> list[int]:
    """'0-19' or '0,7,11' as numbers.

    Raises:
        argparse.ArgumentTypeError: it is of neither form.
    """
    if not re.fullmatch(r"\d+(-\d+)?(,\d+(-\d+)?)*", text):
        raise argparse.ArgumentTypeError(f"seeds are such as 0-19 or 0,7,11; not {text!r}")
    parts = (part.split("-") for part in text.split(","))
    return [s for part in parts for s in range(int(part[0]), int(part[-1]) + 1)]


@settings.command
def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("seeds", type=seeds_of, help="0-19 or 0,7,11")
    parser.add_argument("pages", nargs="*", help="such as kan; by default those of PAGES, or all")
    parser.add_argument("--backend", default="loky", choices=["loky", "dask", "ray"])
    parser.add_argument("--target", type=Path, default=TARGET)
    given = parser.parse_args()
    names = [execute.name(page) for page in execute.chosen(given.pages or settings.pages())]
    return 1 if sweep(names, given.seeds, given.backend, given.target) else 0


if __name__ == "__main__":
    sys.exit(main())
