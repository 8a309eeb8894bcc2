"""`make test`: style and pairs, every notebook, the book, then every test, on all cores.

PAGES="ntk kan/bases" or SHARD=1/4 in the environment choose a part; see `tests.selection`.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from book import settings
from book.build import build
from tests.install_chromium import chromium

ROOT = Path(__file__).resolve().parent.parent
RUFF = Path(sys.executable).parent / "ruff"


def style() -> bool:
    """Whether ruff finds nothing."""
    for check in (["check", "."], ["format", "--check", "."]):
        if subprocess.run([RUFF, *check, "--quiet"], cwd=ROOT).returncode:
            print(f"ruff {' '.join(check)} found the above", file=sys.stderr)
            return False
    return True


def chosen_pages() -> list[str] | None:
    """The names of the pages to execute; none for all, None for no page."""
    from tests import selection

    if not (shard := settings.shard()):
        return settings.pages()
    if shard[0] == 0:
        return []
    return selection.shard_pages(*shard) or None


@settings.command
def main() -> int:
    out, began = Path(sys.argv[1]), time.monotonic()
    if settings.shard() and settings.pages():
        print("PAGES and SHARD: give one of them", file=sys.stderr)
        return 1
    if not style():
        return 1
    from book import execute, pairs

    if behind := [source for source in pairs.sources() if not pairs.committed(source)]:
        names = " ".join(pairs.place(source).as_posix() for source in behind)
        print(f"{names}: not as `make pairs` writes them; run it, and commit", file=sys.stderr)
        return 1
    names = chosen_pages()
    if names is not None and build(out, names=names, check=True):
        return 1
    print(
        f"style, notebooks and pages: {time.monotonic() - began:.0f} s; now the tests", flush=True
    )
    os.environ |= {"BOOK_OUT": str(out.resolve()), "CHROMIUM": chromium() or ""}
    command = [sys.executable, "-m", "pytest", "-n", "auto", "--dist", "worksteal", "tests"]
    status = subprocess.run(command, cwd=ROOT).returncode
    if names is not None:
        print(execute.executions(out / "_build", names))
    print(f"{time.monotonic() - began:.0f} s in all")
    return 0 if status == 5 and (settings.pages() or settings.shard()) else status


if __name__ == "__main__":
    sys.exit(main())
