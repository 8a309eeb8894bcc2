"""Build the book: notebooks first, in parallel and cached, then its pages; warnings are errors.

Run as ``python -m book.build OUT [latex]``; pages go to OUT/_build/html or OUT/_build/latex.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from book import execute


def build(out: Path, builder: str = "html") -> int:
    """Execute what changed and build; 0 where both went well."""
    folder = out / "_build"
    folder.mkdir(parents=True, exist_ok=True)
    if execute.run(folder):
        return 1
    command = [str(Path(sys.executable).parent / "jupyter-book"), "build", str(execute.ROOT)]
    command += ["-W", "-n", "--keep-going", "-q", "--path-output", str(out), "--builder", builder]
    log = folder / "build.log"
    with log.open("w", encoding="utf-8") as stream:
        status = subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT).returncode
    if status:
        print(log.read_text(encoding="utf-8")[-6000:], file=sys.stderr)
        shutil.rmtree(folder / ".doctrees", ignore_errors=True)
        return 1
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("builder", nargs="?", default="html", choices=["html", "latex"])
    given = parser.parse_args()
    status = build(given.out, given.builder)
    if status == 0:
        page = (
            given.out / "_build" / given.builder / ("index.html" if given.builder == "html" else "")
        )
        print(f"The book is built. Open {page.resolve()} in a browser, or run: make serve")
    return status


if __name__ == "__main__":
    sys.exit(main())
