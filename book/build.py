"""Build the book: notebooks first, in parallel and cached, then its pages; warnings are errors.

Run as ``python -m book.build OUT [latex]``; pages go to OUT/_build/html or OUT/_build/latex.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from book import execute


def state(folder: Path) -> str:
    """A hash of what the pages are made of: the sources, and when notebooks were executed."""
    kinds = ("*.md", "*.py", "*.yml", "*.bib", "*.json", "*.css", "*.js", "*.svg", "*.png")
    parents = [execute.ROOT / name for name in ("book", "chapters", "helpers")]
    files = [file for parent in parents for kind in kinds for file in parent.rglob(kind)]
    files += [execute.ROOT / "_config.yml", execute.ROOT / "_toc.yml"]
    executed = (folder / ".jupyter_cache" / "executed").stat().st_mtime_ns
    digest = hashlib.sha256(str(executed).encode())
    for file in sorted(files):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


def build(out: Path, builder: str = "html") -> int:
    """Execute what changed and build; 0 where both went well."""
    folder = out / "_build"
    folder.mkdir(parents=True, exist_ok=True)
    if execute.run(folder):
        return 1
    stamp, now = folder / f".built-{builder}", state(folder)
    done = (folder / builder).exists() and stamp.exists()
    if done and stamp.read_text(encoding="utf-8") == now:
        return 0
    stamp.unlink(missing_ok=True)
    command = [str(Path(sys.executable).parent / "jupyter-book"), "build", str(execute.ROOT)]
    command += ["-W", "-n", "--keep-going", "-q", "--path-output", str(out), "--builder", builder]
    log = folder / "build.log"
    with log.open("w", encoding="utf-8") as stream:
        status = subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT).returncode
    if status:
        print(log.read_text(encoding="utf-8")[-6000:], file=sys.stderr)
        shutil.rmtree(folder / ".doctrees", ignore_errors=True)
        return 1
    stamp.write_text(now, encoding="utf-8")
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
