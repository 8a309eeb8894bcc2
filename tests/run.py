"""`make test`: style, then the book, then every notebook and every test on all cores."""

import os
import subprocess
import sys
from pathlib import Path

from book.build import build
from tests.install_chromium import chromium

ROOT = Path(__file__).resolve().parent.parent
RUFF = Path(sys.executable).parent / "ruff"
PYTEST = ["-n", "auto", "--dist", "loadscope", "--nbval-lax", "--nbval-current-env"]


def main() -> int:
    out = Path(sys.argv[1])
    for check in (["check", "."], ["format", "--check", "."]):
        if subprocess.run([RUFF, *check, "--quiet"], cwd=ROOT).returncode:
            print(f"ruff {' '.join(check)} found the above", file=sys.stderr)
            return 1
    if build(out):
        return 1
    os.environ |= {"BOOK_OUT": str(out.resolve()), "CHROMIUM": chromium() or ""}
    command = [sys.executable, "-m", "pytest", *PYTEST, "--nbval-cell-timeout=600"]
    return subprocess.run([*command, "tests", "chapters"], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
