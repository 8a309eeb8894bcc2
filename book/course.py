"""Exercises in their three forms: worked, as a stub, and with a plausible wrong answer."""

import re
from pathlib import Path

import jupytext
import nbformat

from book import pairs

COURSE = Path("_build/course")

SOLUTION = re.compile(
    r"^(?P<indent>[ \t]*)### BEGIN SOLUTION\n.*?^[ \t]*### END SOLUTION[ \t]*$",
    re.DOTALL | re.MULTILINE,
)


def has_solution(source: str) -> bool:
    """Whether a cell holds a solution between nbgrader's marks."""
    return bool(SOLUTION.search(source))


def stub(source: str) -> str:
    """The cell as the learner gets it: nbgrader's default stub in the solution's place."""
    return replace_solution(source, "# YOUR CODE HERE\nraise NotImplementedError()")


def replace_solution(source: str, answer: str) -> str:
    """The cell with another answer between the marks, indented as the marks are."""

    def put(match: re.Match) -> str:
        return "\n".join(match["indent"] + line for line in answer.strip("\n").split("\n"))

    return SOLUTION.sub(put, source)


def main() -> None:
    """Write the learner's notebooks: every chapter with stubs in the place of its solutions."""
    for source in pairs.sources():
        notebook = jupytext.read(source)
        for cell in notebook.cells:
            cell.metadata.pop("wrong_answer", None)
            if cell.cell_type == "code":
                cell.source = stub(cell.source)
        target = COURSE / source.relative_to(pairs.CHAPTERS).with_suffix(".ipynb")
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, target)
        print(f"wrote {target}")


if __name__ == "__main__":
    main()
