"""`make course`: an nbgrader course directory, one assignment a family, written from the chapters.

PAGES="kan ntk/features" chooses pages; without it all those with hidden tests are taken. COURSE is
the folder to write, PRIVATE one whose exercises (`kan.md`) and hidden tests (`kan.py`) are taken in
the place of the book's. Submissions and grades that the folder holds stay.
"""

import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from zipfile import ZipFile

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.apps import NbGraderAPI
from traitlets.config import PyFileConfigLoader

from book import execute, exercises, first, pairs, settings

COURSE = "_build/course"
SCHEMA = {"schema_version": 3, "task": False}
LOCKED = SCHEMA | {"grade": False, "locked": True, "solution": False}
SECONDS_A_CELL = 60
CONFIG = '''\
"""Written by `make course`. Answers are run beside chapters whose exercises are stubs."""

import os
import sys
from pathlib import Path

from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbgrader.preprocessors import ClearHiddenTests, GetGrades


class HideTests(ClearHiddenTests):
    """Feedback says how a hidden test ended, and shows no line of it."""

    def preprocess_cell(self, cell, resources, index):
        cell, resources = super().preprocess_cell(cell, resources, index)
        if cell.metadata.get("nbgrader", {{}}).get("grade"):
            for output in cell.outputs:
                if output.output_type == "error":
                    output.traceback = output.traceback[-1:]
        return cell, resources


root = Path(__file__).resolve().parent
os.environ["PYTHONPATH"] = str(root / "grading")
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
c = get_config()
c.CourseDirectory.root = str(root)
c.CourseDirectory.course_id = "runnable-papers"
c.Execute.timeout = {seconds}  # of a cell; what takes longer is interrupted, and worth no points
c.GenerateFeedback.preprocessors = [GetGrades, HideTests, CSSHTMLHeaderPreprocessor]
c.Execute.extra_arguments = ["--HistoryManager.hist_file=:memory:", "--log-level=ERROR"]
'''
ABOUT = """\
# Exercises: {title}

Write your answers in the place of `raise NotImplementedError()`. The cell under each answer checks
it, and says what is wrong. Your work is graded by more tests than you see here, with other values.
Keep the file's name, and do not delete or copy cells.

The cells below have the definitions of the chapter that the exercises use. They need Python 3.11 or
newer and the book's package, which came with the course:
`pip install runnable_papers-{version}-py3-none-any.whl`.
"""
WHEEL = (
    "install it with `%pip install` and the name of the file that came with the course, "
    "runnable_papers-{version}-py3-none-any.whl, then restart the kernel"
)
EXERCISE = re.compile(r"^```\{exercise\} *(.*)\n(?::.*\n)*([\s\S]*?)^```$", re.MULTILINE)
DROPDOWN = re.compile(r"^:::\{dropdown\} *(.*)\n([\s\S]*?)^:::$", re.MULTILINE)
VERSION = metadata.version("runnable-papers")
DISPLAY = r"^\$\$((?:(?!^\$\$)[\s\S])*)\$\$ \({}\)"
ROLE = re.compile(r"\{[\w:]+\}`([^`]*)`")


def notebook(page: Path, folder: Path | None = None) -> NotebookNode:
    """The instructor's notebook of a page's exercises: with worked answers and hidden tests.

    Args:
        folder: the teacher's own exercises and hidden tests; pages that it lacks are the book's.
    """
    name = page.relative_to(pairs.CHAPTERS)
    own = folder / name if folder and (folder / name).is_file() else page
    text, asked = page.read_text(encoding="utf-8"), exercises.of(own)
    code = [part for e in asked for part in (e.source, e.check)]
    title = re.search(r"^# (.*)", text, re.MULTILINE)[1]
    slug = "-".join(name.with_suffix("").parts)
    cells = [new_markdown_cell(ABOUT.format(title=title, version=VERSION), id=f"{slug}-about")]
    cells.append(first.cell(WHEEL.format(version=VERSION)))
    cells[-1].metadata["nbgrader"] = LOCKED | {"grade_id": f"{slug}-first"}
    for number, source in enumerate(exercises.scaffold(page, code)):
        cells.append(_code(source, LOCKED | {"grade_id": f"{slug}-given-{number}"}))
    for e in asked:
        check, test = e.check, exercises.hidden_test(e, exercises.hidden_file(page, folder))
        if test:
            check += f"\n\n### BEGIN HIDDEN TESTS\n{test}\n### END HIDDEN TESTS"
        cells += [
            new_markdown_cell(readable(e.text, text), id=f"{e.name}-text"),
            _code(e.source, LOCKED | {"grade_id": e.name, "locked": False, "solution": True}),
            _code(
                check, LOCKED | {"grade_id": f"{e.name}-check", "grade": True, "points": e.points}
            ),
        ]
    return new_notebook(cells=cells, metadata={"kernelspec": pairs.KERNEL})


def _code(source: str, marks: dict) -> NotebookNode:
    return new_code_cell(source, id=marks["grade_id"], metadata={"nbgrader": marks})


def readable(text: str, page: str) -> str:
    """An exercise's Markdown without directives; the page's formulas that it names follow it."""
    text = EXERCISE.sub(lambda m: f"## {m[1]}\n\n{m[2].strip()}", text)
    text = DROPDOWN.sub(
        lambda m: f"<details><summary>{m[1]}</summary>\n\n{m[2].strip()}\n\n</details>", text
    )
    for label in dict.fromkeys(re.findall(r"\{eq\}`([^`]*)`", text)):
        formula = re.search(DISPLAY.format(re.escape(label)), page, re.MULTILINE)
        if formula:
            text += f"\n\n$$\n{formula[1].strip()} \\tag{{{label}}}\n$$"
    return ROLE.sub(lambda m: f"({m[1]})", text)


def wheel(folder: Path) -> Path:
    """Build the book's package, with stubs in its chapters, into a folder; the wheel's place."""
    for old in folder.glob("*.whl"):
        old.unlink()
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder.resolve()]
    built = subprocess.run(command, cwd=pairs.ROOT, capture_output=True, text=True)
    if built.returncode:
        raise RuntimeError(f"the wheel was not built: {built.stderr}")
    return next(folder.glob("*.whl"))


def package(root: Path) -> None:
    """Build what learners install, the wheel, and unpack it for grading."""
    built = wheel(root)
    shutil.rmtree(root / "grading", ignore_errors=True)
    with ZipFile(built) as archive:
        archive.extractall(root / "grading")


def api(root: Path) -> NbGraderAPI:
    """nbgrader, as the course's own configuration sets it."""
    config = PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()
    return NbGraderAPI(config=config)


def write(root: Path, pages: list[Path], folder: Path | None = None) -> dict[str, str]:
    """Write the course of some pages, and release its assignments.

    Args:
        folder: see `notebook`.

    Returns: what nbgrader said of each family whose assignment was not released.
    """
    root.mkdir(parents=True, exist_ok=True)
    text = CONFIG.format(seconds=SECONDS_A_CELL)
    (root / "nbgrader_config.py").write_text(text, encoding="utf-8")
    package(root)
    families: dict[str, list[Path]] = {}
    for page in pages:
        families.setdefault(execute.name(page).split("/")[0], []).append(page)
    grader, failed = api(root), {}
    for family, members in families.items():
        source = root / "source" / family
        shutil.rmtree(source, ignore_errors=True)
        source.mkdir(parents=True)
        for page in members:
            nbformat.write(notebook(page, folder), source / f"{page.stem}.ipynb")
        done = grader.generate_assignment(family, force=True, create=True)
        if done["success"]:
            points = grader.gradebook.find_assignment(family).max_score
            print(f"{family}: {len(members)} notebook(s), {points:g} points", flush=True)
        else:
            failed[family] = done["log"]
    return failed


@settings.command
def main() -> int:
    root = Path(os.environ.get("COURSE") or COURSE)
    folder = Path(private).expanduser() if (private := os.environ.get("PRIVATE")) else None
    if folder and not folder.is_dir():
        print(f"PRIVATE={folder} is no folder", file=sys.stderr)
        return 1
    names = settings.pages()
    with_tests = [page for page in execute.notebooks() if exercises.hidden_file(page, folder)]
    pages = execute.chosen(names) if names else with_tests
    failed = write(root.expanduser(), pages, folder)
    for page in pages:
        if page not in with_tests:
            print(f"{execute.name(page)} has no hidden tests yet: its visible checks grade")
    for family, why in failed.items():
        print(f"{family} was not released: {why}", file=sys.stderr)
    print(f"{root} is an nbgrader course; release/ is what learners get, with the wheel beside it")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
