"""The book as a PDF: ``python -m book.pdf OUT``, or one PDF a family with PAGES="kan ntk".

TeX is installed first where it is missing and that is allowed (Debian, as root).
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from book import build, settings

PROGRAMS = ("latexmk", "xelatex")
PACKAGES = [
    "latexmk",
    "texlive-xetex",
    "texlive-latex-extra",
    "texlive-fonts-recommended",
    "fonts-texgyre",
    "fonts-texgyre-math",
    "tex-gyre",
]
WHOLE = "runnable-papers"
FONT = "texgyrepagella-math.otf"


def families(names: Iterable[str]) -> list[str]:
    """The families of pages, each once, in their order; none for the whole book."""
    return list(dict.fromkeys(name.split("/")[0] for name in names))


def missing() -> list[str]:
    """What TeX lacks here."""
    lacking = [program for program in PROGRAMS if not shutil.which(program)]
    if not lacking:
        found = subprocess.run(["kpsewhich", FONT], capture_output=True, text=True)
        lacking = [] if found.stdout.strip() else [FONT]
    return lacking


def install() -> bool:
    """Install TeX where that is allowed; whether all is there now."""
    if not missing():
        return True
    if shutil.which("apt-get") and os.geteuid() == 0:
        print("installing TeX (300 MB, some minutes)", flush=True)
        command = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *PACKAGES]
        for step in (["apt-get", "update", "--quiet"], command):
            done = subprocess.run(step, capture_output=True, text=True)
            if done.returncode:
                print(done.stdout[-1000:], done.stderr[-1000:], file=sys.stderr)
    if lacking := missing():
        print(
            f"TeX is incomplete ({', '.join(lacking)}); install it: "
            f"apt-get install --no-install-recommends {' '.join(PACKAGES)}",
            file=sys.stderr,
        )
    return not missing()


def typeset(folder: Path, name: str) -> bool:
    """Run TeX as often as it needs; whether there is a PDF."""
    command = ["latexmk", "-xelatex", "-interaction=nonstopmode", "-halt-on-error", "-silent"]
    done = subprocess.run([*command, f"{name}.tex"], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        log = folder / f"{name}.log"
        told = log.read_text(encoding="utf-8", errors="replace") if log.exists() else done.stderr
        faults = [line for line in told.splitlines() if line.startswith("!")]
        why = faults[0] if faults else (done.stdout or told).strip().splitlines()[-1]
        print(f"TeX failed: {why}; more in {folder / f'{name}.log'}", file=sys.stderr)
        return False
    print(f"The PDF is {(folder / f'{name}.pdf').resolve()}")
    return True


@settings.command
def main() -> int:
    out, names = Path(sys.argv[1]), settings.pages()
    if not install():
        return 1
    if status := build.build(out, "latex", names):
        return status
    documents = families(names) or [WHOLE]
    return 0 if all([typeset(out / "_build" / "latex", name) for name in documents]) else 1


if __name__ == "__main__":
    sys.exit(main())
