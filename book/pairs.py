"""Write each chapter's .ipynb from its .md: no outputs, the same bytes each time."""

import hashlib
from pathlib import Path

import jupytext
import nbformat

CHAPTERS = Path(__file__).resolve().parent.parent / "chapters"


def sources() -> list[Path]:
    return sorted(CHAPTERS.rglob("*.md"))


def notebook_text(source: Path) -> str:
    """The notebook that belongs to a chapter's Markdown, as the text of its file."""
    notebook = jupytext.read(source)
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        seen[cell.source] = seen.get(cell.source, 0) + 1
        digest = hashlib.sha256(f"{seen[cell.source]} {cell.source}".encode()).hexdigest()
        cell["id"] = digest[:12]
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return nbformat.writes(notebook, indent=1) + "\n"


def main() -> None:
    for source in sources():
        target = source.with_suffix(".ipynb")
        text = notebook_text(source)
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.write_text(text, encoding="utf-8")
            print(f"wrote {target.relative_to(CHAPTERS.parent)}")


if __name__ == "__main__":
    main()
