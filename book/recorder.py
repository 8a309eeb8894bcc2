"""nbval's run of the notebooks is the one that the book shows: a pytest plugin, and its caller.

`execute` runs notebooks by ``pytest -p book.recorder --record BUILD --stale ...``. Each cell is a
test of nbval's. What the kernel sends while it runs is kept, and after a notebook's last cell, if
none failed, put into the jupyter-cache under BUILD. A cell of a notebook that is not stale passes
by its record: no error in it, and no claim that fails.
"""

import contextlib
import os
import re
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from nbformat import NotebookNode
from nbformat.v4 import output_from_msg
from nbval.plugin import IPyNbCell, IPyNbFile

from book import execute, first, stale, yardstick
from helpers import chapters, claims

ENVIRONMENT = {
    "BOOK_RECORD": "1",
    "OMP_NUM_THREADS": "1",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}
PATIENCE = 3600  # seconds; the machine may be busy with other things
CELLS_A_MEASURE = 6
KEPT = ("stream", "display_data", "execute_result", "error")
REFUSED = ("clear_output", "update_display_data", "comm_open")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
CHAINED = re.compile(r"During handling of the above|direct cause of the following")
IN_CELL = re.compile(r"Cell In\[\d+\], line (\d+)")
FRAME = re.compile(
    IN_CELL.pattern + r'|File "?(?P<file>\S*?chapters/\S+?\.md)"?(?::|, line )(?P<line>\d+)'
)


def run(build: Path, pages: list[Path], fresh: list[Path], seconds: dict[Path, float]) -> list[str]:
    """Execute the pages and look at the records of the fresh ones; one line a fault.

    Args:
        build: the folder that holds the cache and takes the log.
        seconds: how long each of the pages takes, as far as is known; the longest is begun first.
    """
    pages = sorted(pages, key=lambda page: -seconds[page])
    jobs = min(os.cpu_count() or 1, len(pages) or 1)
    progress = Progress({page: seconds[page] for page in pages})
    arguments = ["-p", "book.recorder", "-p", "no:cacheprovider", f"--rootdir={execute.ROOT}"]
    arguments += ["--nbval-lax", "--nbval-current-env", f"--nbval-cell-timeout={PATIENCE}"]
    arguments += [f"--nbval-kernel-startup-timeout={PATIENCE}", f"--record={build}"]
    arguments += ["--stale", ",".join(map(execute.name, pages))]
    if jobs > 1:
        arguments += [f"-n{jobs}", "--dist=loadfile", "--no-loadscope-reorder"]
    arguments += [str(page.with_suffix(".ipynb")) for page in (*pages, *fresh)]
    before = {key: os.environ.get(key) for key in ENVIRONMENT}
    os.environ |= ENVIRONMENT
    try:
        with _output_into(build / "notebooks.log") as progress.stream:
            status = pytest.main(arguments, plugins=[progress])
    finally:
        for key, value in before.items():
            os.environ.pop(key) if value is None else os.environ.__setitem__(key, value)
    if progress.interrupted:
        raise KeyboardInterrupt
    if status and not progress.faults:
        return [f"{build}/notebooks.log: nbval's run ended with status {int(status)}"]
    return progress.faults


@contextlib.contextmanager
def _output_into(log: Path) -> Iterator:
    """Send what this process and its children print into a file; yields the former output."""
    former = {number: os.dup(number) for number in (1, 2)}
    sys.stdout.flush()
    with log.open("w", encoding="utf-8") as file, os.fdopen(former[1], "w") as stream:
        try:
            for number in former:
                os.dup2(file.fileno(), number)
            yield stream
        finally:
            sys.stdout.flush()
            os.dup2(stream.fileno(), 1)
            os.dup2(former[2], 2)
            os.close(former[2])


class Progress:
    """Tells how far the run has come, and collects its faults; for the controlling process."""

    def __init__(self, left: dict[Path, float]) -> None:
        self.left, self.total = left, len(left)
        self.faults: list[str] = []
        self.interrupted = False
        self.stream = sys.stdout
        self.began, self.expected = time.monotonic(), sum(left.values())

    def pytest_keyboard_interrupt(self, excinfo) -> None:
        self.interrupted = excinfo.type is KeyboardInterrupt

    def pytest_runtest_logreport(self, report) -> None:
        found = dict(report.user_properties)
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            why = crash.message if crash else str(report.longrepr)
            where = report.nodeid.replace(".ipynb::", ".md, ")
            self.fault(found.get("fault") or f"{where}: {why.strip().splitlines()[0]}")
        if "seconds" in found and report.when == "teardown":
            page = execute.page_named(found["page"])
            if not found["whole"] and not any(f"{found['page']}.md" in f for f in self.faults):
                self.fault(f"chapters/{found['page']}.md: not all cells were run")
            self.finished(page, found["seconds"], found["whole"])

    def fault(self, text: str) -> None:
        """Keep a line to be told at the end, once."""
        if text not in self.faults:
            self.faults.append(text)

    def finished(self, page: Path, seconds: float, whole: bool) -> None:
        """Say that a page is done, how many are left, and about how long they take."""
        self.left.pop(page, None)
        done = self.total - len(self.left)
        text = f"  [{done}/{self.total}] {execute.name(page)}  {seconds:.1f} s"
        text += "" if whole else "  FAILED"
        if self.left:
            rest = sum(self.left.values())
            pace = (time.monotonic() - self.began) / max(self.expected - rest, 1)
            text += f"; {len(self.left)} left, about {_duration(rest * pace)}"
        print(text, file=self.stream, flush=True)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def pytest_addoption(parser) -> None:
    group = parser.getgroup("record")
    group.addoption("--record", type=Path, help="the folder that holds the cache")
    group.addoption("--stale", default="", help="the pages to execute, such as kan,kan/bases")


def pytest_configure(config) -> None:
    config.stale_pages = {
        execute.page_named(name) for name in config.option.stale.split(",") if name
    }
    config.cache_of_runs = execute.open_cache(config.option.record)


def pytest_collection_modifyitems(items: list[IPyNbCell]) -> None:
    """Leave out the first cells, which the pages do not have."""
    items[:] = [item for item in items if not first.is_it(item.cell)]
    for item in items:
        item.cell_num -= first.is_it(item.parent.nb.cells[0])


def page_of(item: IPyNbCell) -> Path:
    """The chapter to whose notebook a cell belongs."""
    return Path(item.path).with_suffix(".md")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: IPyNbCell):
    """Prepare a cell: no kernel for a fresh notebook, patience with a busy machine."""
    item.output_timeout = PATIENCE
    if page_of(item) not in item.config.stale_pages:
        item.parent.setup = lambda: None
        item.runtest = lambda: check_recorded(item)
    elif not hasattr(item.parent, "heard"):
        item.parent.heard, item.parent.work = {}, []
        item.parent.state = stale.fingerprint(page_of(item))
        yardstick.seconds()  # the first time, it imports
    return (yield)


def check_recorded(item: IPyNbCell) -> None:
    """A cell of a fresh notebook: its recorded outputs have no error and no failed claim."""
    if not hasattr(item.parent, "record"):
        item.parent.record = execute.recorded(item.config.cache_of_runs, page_of(item))
    cell = item.parent.record.cells[item.cell_num]  # the cache keeps the code cells alone
    assert cell.source == item.cell.source, f"{item.path}: out of step, run `make pairs`"
    for output in cell.outputs:
        assert output.output_type != "error", output.evalue
        record = output.get("metadata", {}).get(claims.METADATA)
        assert not record or claims.verdict(record) != "fails", record["says"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: IPyNbCell):
    """Keep what a cell shows, as its kernel sent it: nbval reorders streams, and drops more."""
    if page_of(item) not in item.config.stale_pages:
        return (yield)
    if len(item.parent.heard) < item.cell_num:
        pytest.skip("an earlier cell of this notebook failed")
    if item.cell_num % CELLS_A_MEASURE == 0:
        item.parent.work.append(yardstick.seconds())
    outputs, listen = [], IPyNbFile.get_kernel_message

    def hear(timeout=None, stream="iopub"):
        message = listen(item.parent, timeout, stream)
        if message["parent_header"].get("msg_type") == "execute_request":
            kind = message["msg_type"]
            if kind in REFUSED:
                raise RuntimeError(f"a {kind} message, which a page cannot show")
            if kind in KEPT:
                outputs.append(output_from_msg(message))
        return message

    item.parent.get_kernel_message = hear
    try:
        result = yield
    except Exception as error:
        item.user_properties.append(("fault", fault(item, outputs, error)))
        raise
    finally:
        del item.parent.get_kernel_message
    item.parent.heard[item.cell_num] = outputs
    return result


def fault(item: IPyNbCell, outputs: list[NotebookNode], error: Exception) -> str:
    """One line: the place in the source where a cell failed, and why."""
    line, _ = chapters.code_cells(page_of(item))[item.cell_num]
    place = f"{execute.name(page_of(item))}.md"
    raised = next((o for o in outputs if o.output_type == "error"), None)
    if raised is None:
        why = str(error).strip() or type(error).__name__
        return f"chapters/{place}:{line}: {why.splitlines()[0]}"
    trace = COLOUR.sub("", "\n".join(raised.traceback))
    print(f"\n{place}, cell {item.cell_num}\n{trace}", file=sys.stderr)
    last = CHAINED.split(trace)[-1]
    if found := IN_CELL.search(last):
        line += int(found[1]) - 1
    own = f"chapters/{place}:{line}"
    why = f"{raised.ename}: {raised.evalue}".strip().splitlines()[0]
    frames = list(FRAME.finditer(last))
    if frames and frames[-1]["file"]:
        file = frames[-1]["file"].rpartition("chapters/")[2]
        return f"chapters/{file}:{frames[-1]['line']}: {why} (called from {own})"
    return f"{own}: {why}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: IPyNbCell, nextitem):
    """After a notebook's last cell: if all passed, put the executed notebook into the cache."""
    file = item.parent
    last = nextitem is None or nextitem.parent is not file
    if not last or page_of(item) not in item.config.stale_pages:
        return (yield)
    seconds, language = 0.0, {}
    if file.kernel and file.kernel.is_alive():
        seconds = sum(psutil.Process(file.kernel.km.provisioner.pid).cpu_times()[:4])
        reply = file.kernel.kc.kernel_info(reply=True, timeout=PATIENCE)
        language = reply["content"]["language_info"]
    result = yield
    code = [c for c in file.nb.cells if c.cell_type == "code" and not first.is_it(c)]
    whole = len(file.heard) == len(code)
    stale.forget()
    if whole and stale.fingerprint(page_of(item)) != file.state:
        raise AssertionError("changed while it was executed: run this again")
    if whole:
        notebook = with_outputs(page_of(item), code, file.heard)
        notebook.metadata["language_info"] = language
        work = statistics.mean(file.work)
        cache = item.config.cache_of_runs
        execute.store(cache, page_of(item), notebook, file.state, seconds, work)
    item.user_properties += [("page", execute.name(page_of(item))), ("whole", whole)]
    item.user_properties.append(("seconds", seconds))
    return result


def with_outputs(page: Path, code: list[NotebookNode], heard: dict[int, list]) -> NotebookNode:
    """The page's notebook as the book reads it, with the outputs that its pair's cells showed."""
    notebook = execute.read(page)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if [cell.source for cell in cells] != [cell.source for cell in code]:
        raise AssertionError(f"{page.name} and its .ipynb differ: run `make pairs`")
    for number, cell in enumerate(cells):
        cell.outputs, cell.execution_count = merged(heard[number]), number + 1
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = number + 1
    return notebook


def merged(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Neighbouring pieces of one stream as one."""
    kept: list[NotebookNode] = []
    for output in outputs:
        if kept and output.output_type == "stream" and kept[-1].get("name") == output.name:
            kept[-1].text += output.text
        else:
            kept.append(output)
    return kept
