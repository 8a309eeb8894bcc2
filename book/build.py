"""Build the book: stale notebooks first, then its pages; warnings are errors.

Run as ``python -m book.build OUT [latex]``; pages go to OUT/_build/html or OUT/_build/latex. With
PAGES="ntk kan/bases" in the environment only these are executed, and the others are shown as they
were executed before, or without outputs. This module imports nothing heavy until there is work.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from book import settings

ROOT = Path(__file__).resolve().parent.parent
KINDS = ("md", "ipynb", "py", "yml", "bib", "json", "css", "js", "html", "svg", "png", "woff2")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
PLACE = r"(?:(?P<file>[^\s:]+\.\w+)(?::(?P<line>\d+))?: )?"
WARNING = re.compile(rf"^{PLACE}(?:WARNING|ERROR|CRITICAL): (?P<what>.*)$", re.MULTILINE)
FIRST = {"html": "index.html", "latex": "runnable-papers.tex"}
TO_READ = ".to-read"


def state() -> str:
    """A hash of all that pages are made of: the sources, and the Python that runs them."""
    parents = [ROOT / name for name in ("book", "chapters", "helpers")]
    files = [file for parent in parents for kind in KINDS for file in parent.rglob(f"*.{kind}")]
    files += [ROOT / name for name in ("_config.yml", "_toc.yml", "constraints.txt")]
    digest = hashlib.sha256(f"{sys.version} {sys.prefix}".encode())
    for file in sorted(files):
        if ".ipynb_checkpoints" not in file.parts:
            digest.update(str(file.relative_to(ROOT)).encode() + file.read_bytes())
    return digest.hexdigest()


def built(stamp: Path, now: str, names: Sequence[str]) -> bool:
    """Whether the last build that succeeded was of this state, and had these pages executed."""
    if not stamp.exists():
        return False
    last = json.loads(stamp.read_text(encoding="utf-8"))
    covered = last["names"] == [] or (names and set(names) <= set(last["names"]))
    return last["state"] == now and bool(covered)


def build(out: Path, builder: str = "html", names: Sequence[str] = (), check: bool = False) -> int:
    """Execute what is stale and build; 0 where both went well.

    Args:
        names: the pages to execute; all of them for none.
        check: look at the records of pages that are not stale, too, as tests.
    """
    folder = out / "_build"
    stamp, now = folder / f".pages-{builder}", state()
    page = folder / builder / first(builder, names)
    if not check and page.exists() and built(stamp, now, names):
        print(f"The book is up to date: {page.resolve()}")
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    from book import execute  # imports torch, which takes seconds

    if faults := execute.run(folder, names, check):
        return report(faults, folder / "notebooks.log")
    now = state()  # notebooks may have been brought into step
    if page.exists() and built(stamp, now, names):
        return 0
    stamp.unlink(missing_ok=True)
    print("building the pages", flush=True)
    if faults := render(out, builder):
        return report(faults, folder / "build.log")
    stamp.write_text(json.dumps({"state": now, "names": list(names)}), encoding="utf-8")
    how = " in a browser, or run: make serve" if builder == "html" else ""
    print(f"The book is built. Open {page.resolve()}{how}")
    return 0


def first(builder: str, names: Sequence[str]) -> str:
    """The file that a build makes last; LaTeX of some pages is a document a family."""
    if builder == "latex" and names:
        return f"{names[-1].split('/')[0]}.tex"
    return FIRST[builder]


def report(faults: list[str], log: Path) -> int:
    """Print a line a fault; more is in the log."""
    print(f"\n{len(faults)} fault(s); more in {log}", file=sys.stderr)
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1


def render(out: Path, builder: str) -> list[str]:
    """Let Jupyter Book make the pages; a line a warning."""
    folder = out / "_build"
    log = folder / "build.log"
    command = [sys.executable, "-m", "book.render", str(out.resolve()), builder]
    with log.open("w", encoding="utf-8") as stream:
        status = subprocess.run(command, cwd=ROOT, stdout=stream, stderr=stream)
    again = folder / f"{TO_READ}-{builder}"
    if status.returncode == 0:
        again.unlink(missing_ok=True)
        return []
    text = COLOUR.sub("", log.read_text(encoding="utf-8"))
    found = list(WARNING.finditer(text))
    if not found:
        lines = [line for line in text.splitlines() if line.strip()]
        return lines[-1:] or [f"book.render ended with status {status.returncode}"]
    if status.returncode == 1 and all(match["file"] for match in found):
        places = (_relative(match["file"]).with_suffix("").as_posix() for match in found)
        again.write_text("\n".join(places), encoding="utf-8")
    else:  # nobody knows which pages are concerned
        shutil.rmtree(folder / f".doctrees-{builder}", ignore_errors=True)
    return [_fault(match) for match in found]


def _fault(match: re.Match) -> str:
    place = f"{_relative(match['file'])}" if match["file"] else "the book"
    return f"{place}{':' + match['line'] if match['line'] else ''}: {match['what']}"


def _relative(file: str) -> Path:
    path = Path(os.path.abspath(ROOT / file))
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


@settings.command
def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("builder", nargs="?", default="html", choices=list(FIRST))
    given = parser.parse_args()
    return build(given.out, given.builder, settings.pages())


if __name__ == "__main__":
    sys.exit(main())
