"""Write the code of pages to 80 columns, with ruff: ``python -m book.tidy`` (``make tidy``)."""

import subprocess
import sys
import tempfile
from pathlib import Path

from book import execute
from helpers import chapters

COLUMNS = 80
RUFF = [sys.executable, "-m", "ruff", "format", "--isolated", f"--line-length={COLUMNS}"]


def tidied(page: Path) -> str:
    """The page's text with each of its code cells formatted.

    Raises:
        ValueError: a cell is no Python; the message has ruff's words.
    """
    lines, cells = page.read_text(encoding="utf-8").splitlines(), chapters.code_cells(page)
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{page.name}:{line}.py" for line, _ in cells]
        for file, (_, cell) in zip(files, cells):
            file.write_text(cell + "\n", encoding="utf-8")
        told = subprocess.run([*RUFF, folder], capture_output=True, text=True)
        if told.returncode:
            raise ValueError(told.stderr.replace(f"{folder}/", "").strip())
        for file, (line, cell) in reversed(list(zip(files, cells))):
            new = file.read_text(encoding="utf-8").splitlines()
            lines[line - 1 : line - 1 + len(cell.splitlines())] = new
    return "\n".join(lines) + "\n"


def main() -> None:
    for page in execute.notebooks():
        text = tidied(page)
        if text != page.read_text(encoding="utf-8"):
            page.write_text(text, encoding="utf-8")
            print(f"wrote {page.relative_to(execute.ROOT)}")


if __name__ == "__main__":
    main()
