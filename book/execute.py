"""The pages that are notebooks, which of them are stale, and the cache of their executions.

Run as ``python -m book.execute BUILD [PAGE ...]``. Executions live in the jupyter-cache that the
book's build reads. A page is executed when `book.stale` says that its outputs could differ; when
only prose, comments or layout changed, its last execution is filed again under the new source.
"""

import argparse
import difflib
import hashlib
import sys
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import yaml
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn, JupyterCacheAbstract
from myst_nb.core.read import is_myst_markdown_notebook, read_myst_markdown_notebook
from myst_parser.config.main import MdParserConfig

from book import pairs, settings
from book.stale import fingerprint
from helpers.runtime import book_seed

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = ROOT / "chapters"
USUAL_SECONDS = 45.0
RECORDS_KEPT = 1000


def pages() -> list[Path]:
    """The pages that `_toc.yml` lists, in its order."""

    def files(node) -> list[str]:
        if isinstance(node, list):
            return [file for item in node for file in files(item)]
        if isinstance(node, dict):
            own = [node[key] for key in ("root", "file") if key in node]
            return own + [f for value in node.values() for f in files(value)]
        return []

    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    return [ROOT / f"{file}.md" for file in files(toc)]


def notebooks() -> list[Path]:
    """Those of the pages that are notebooks."""
    return [p for p in pages() if is_myst_markdown_notebook(p.read_text(encoding="utf-8"))]


def name(page: Path) -> str:
    """How a page is called: its path under chapters/ without ending, such as kan/bases."""
    return page.relative_to(CHAPTERS).with_suffix("").as_posix()


def page_named(name: str) -> Path:
    """The page of that name."""
    return CHAPTERS / f"{name}.md"


def chosen(names: Iterable[str]) -> list[Path]:
    """The notebooks of these names, all of them for no name.

    Raises:
        SystemExit: a name is no notebook's; the message names the nearest one.
    """
    every = {name(page): page for page in notebooks()}
    for wrong in [n for n in names if n not in every]:
        if page_named(wrong).exists():
            sys.exit(f"PAGES: add a line to _toc.yml: - file: chapters/{wrong}")
        near = difflib.get_close_matches(wrong, every, n=1, cutoff=0.3)
        hint = f"did you mean {near[0]!r}? " if near else ""
        sys.exit(f"PAGES: there is no page {wrong!r}; {hint}the pages are {' '.join(every)}")
    return [every[n] for n in dict.fromkeys(names)] or list(every.values())


def read(page: Path) -> nbformat.NotebookNode:
    """The notebook exactly as the book's build reads it, so that both find one cache record."""
    return read_myst_markdown_notebook(
        page.read_text(encoding="utf-8"), config=MdParserConfig(), add_source_map=True, path=page
    )


def open_cache(build: Path) -> JupyterCacheAbstract:
    """The cache under `build`, with its database made, so that no two processes make it."""
    cache = get_cache(build / ".jupyter_cache")
    cache.list_cache_records()
    return cache


def _records(cache: JupyterCacheAbstract) -> list:
    """The records that are ours and whole: an interrupt can leave one without its file."""
    found = (r for r in cache.list_cache_records() if "fingerprint" in (r.data or {}))
    return [r for r in found if (Path(cache.path) / "executed" / r.hashkey / "base.ipynb").exists()]


def _source(page: Path) -> str:
    return hashlib.sha256(page.read_bytes()).hexdigest()


def record_of(cache: JupyterCacheAbstract, page: Path):
    """The record that the build shows for a page as it is now; None where there is none."""
    wanted = (name(page), _source(page))
    found = [r for r in _records(cache) if (r.data.get("page"), r.data.get("source")) == wanted]
    return found[-1] if found else None


def recorded(cache: JupyterCacheAbstract, page: Path) -> nbformat.NotebookNode:
    """The page's execution: the code cells with their outputs."""
    return cache.get_cache_bundle(record_of(cache, page).pk).nb


def executions_of(cache: JupyterCacheAbstract) -> list[dict]:
    """The data of all executions on record, the latest of a page last."""
    found = [r.data for r in _records(cache) if r.data.get("executions")]
    return sorted(found, key=lambda data: data["executions"])


def store(
    cache: JupyterCacheAbstract,
    page: Path,
    notebook: nbformat.NotebookNode,
    state: str,
    seconds: float,
    work: float,
) -> None:
    """Keep an executed notebook where the book's build finds it.

    Args:
        state: the page's fingerprint.
        seconds: CPU seconds of the execution.
        work: CPU seconds of the yardstick's work, on average over the execution.
    """
    before = [d["executions"] for d in executions_of(cache) if d["page"] == name(page)]
    data = {
        "page": name(page),
        "fingerprint": state,
        "executed": datetime.now(UTC).isoformat(timespec="seconds"),
        "execution_seconds": seconds,
        "work_seconds": work,
        "executions": 1 + max(before, default=0),
    }
    _file(cache, page, notebook, data)


def _file(cache, page: Path, notebook: nbformat.NotebookNode, data: dict) -> None:
    bundle = CacheBundleIn(notebook, str(page), data=data | {"source": _source(page)})
    cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)


def find_stale(
    cache: JupyterCacheAbstract, pages: Iterable[Path]
) -> tuple[list[Path], dict[Path, str]]:
    """The stale ones of the pages; and for each that is no Python, where and why."""
    records = {record.data["fingerprint"]: record for record in _records(cache)}
    stale, faults = [], {}
    for page in pages:
        try:
            record = records.get(fingerprint(page))
        except SyntaxError as error:
            where = Path(error.filename).relative_to(ROOT)
            faults[page] = f"{where}:{error.lineno}: SyntaxError: {error.msg}"
            continue
        if record is None:
            stale.append(page)
        elif record.data.get("source") != _source(page):
            _refile(cache, page, record)
    return stale, faults


def _refile(cache: JupyterCacheAbstract, page: Path, record) -> None:
    """File a record under the page's present source, which differs in prose or layout."""
    notebook, old = read(page), cache.get_cache_bundle(record.pk).nb
    new = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell, executed in zip(new, old.cells, strict=True):
        cell.outputs, cell.execution_count = executed.outputs, executed.execution_count
    notebook.metadata["language_info"] = old.metadata.get("language_info", {})
    _file(cache, page, notebook, record.data)


def leave_out(cache: JupyterCacheAbstract, pages: Iterable[Path]) -> None:
    """File pages that are not to be executed now, so that the build shows them without outputs."""
    for page in pages:
        if record_of(cache, page) is None:
            _file(cache, page, read(page), {"page": name(page), "fingerprint": ""})


def run(build: Path, names: Iterable[str] = (), check: bool = False) -> list[str]:
    """Execute the stale ones of the pages named (all for none); one line a fault.

    Args:
        build: the folder of the cache.
        check: look at the records of the other pages named, too, as tests.
    """
    wanted = chosen(names)
    behind = pairs.follow(wanted)
    cache = open_cache(build)
    cache.change_cache_limit(RECORDS_KEPT)
    stale, unreadable = find_stale(cache, notebooks())
    faults = [*behind.values(), *dict.fromkeys(unreadable[p] for p in wanted if p in unreadable)]
    todo = [page for page in wanted if page in stale and page not in behind]
    seconds = dict.fromkeys(todo, USUAL_SECONDS)
    for data in executions_of(cache):
        if page_named(data["page"]) in seconds:
            seconds[page_named(data["page"])] = data["execution_seconds"]
    print(
        f"{len(wanted)} notebook(s), {len(todo)} to execute (BOOK_SEED={book_seed()})", flush=True
    )
    fresh = [p for p in wanted if p not in stale] if check and not faults else []
    if todo or fresh:
        from book import recorder  # which needs this module

        faults += recorder.run(build, todo, fresh, seconds)
    if not faults:
        leave_out(cache, [page for page in notebooks() if page not in wanted])
        changed = [page for page in wanted if record_of(cache, page) is None]
        faults = [f"chapters/{name(p)}.md changed meanwhile: run this again" for p in changed]
    return faults


def gather(build: Path, others: Iterable[Path]) -> None:
    """Take over the executions that other machines made, from copies of their caches."""
    cache = open_cache(build)
    for other in map(get_cache, others):
        for record in other.list_cache_records():
            if record.data.get("executions"):
                notebook = other.get_cache_bundle(record.pk).nb
                _file(cache, page_named(record.data["page"]), notebook, record.data)


def executions(build: Path, names: Iterable[str] = ()) -> str:
    """A sentence: how often the notebooks named were executed since `build` was made."""
    times = Counter()
    for data in executions_of(open_cache(build)):
        times[data["page"]] = data["executions"]
    times = {name(page): times[name(page)] for page in chosen(names)}
    once = sum(number == 1 for number in times.values())
    others = ", ".join(f"{page} {number} times" for page, number in times.items() if number != 1)
    said = f"{once} of {len(times)} notebooks executed once since {build} was made"
    return said + (f"; {others}" if others else "")


@settings.command
def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=Path, help="the folder that holds the cache, such as _build")
    parser.add_argument("pages", nargs="*", help="such as kan or ntk/features; all by default")
    parser.add_argument("--gather", nargs="+", type=Path, help="copies of other machines' caches")
    given = parser.parse_args()
    given.build.mkdir(parents=True, exist_ok=True)
    if given.gather:
        gather(given.build, given.gather)
        print(executions(given.build))
        return 0
    faults = run(given.build, given.pages)
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
