"""`make grade`: nbgrader's whole way with what was handed in, from files to grades and feedback.

Submissions are `submitted/<student>/<family>/<page>.ipynb` in the course's folder (COURSE, see
`book.course`). Written are `feedback/<student>/<family>/<page>.html` and `grades.csv`.
"""

import os
import re
import sys
import warnings
from pathlib import Path

import nbformat
from nbgrader.apps import NbGraderAPI
from nbgrader.plugins import CsvExportPlugin
from sqlalchemy.exc import SAWarning

from book import course, settings

RAISED = re.compile(r"^\s*(?:[\w.]+\.)?\w+(?:Error|Exception): .*", re.MULTILINE)


def unreadable(submission: Path, release: Path) -> list[str]:
    """What is wrong with the files of a submission, a sentence each."""
    faults = []
    for wanted in sorted(release.glob("*.ipynb")):
        file = submission / wanted.name
        if not file.is_file():
            found = ", ".join(sorted(f.name for f in submission.iterdir())) or "nothing"
            faults.append(f"{wanted.name} is missing; handed in is {found}")
        elif not file.read_bytes().strip():
            faults.append(f"{wanted.name} is empty")
        else:
            try:
                nbformat.read(file, 4)
            except Exception:
                faults.append(f"{wanted.name} is no notebook")
    return faults


def grade(grader: NbGraderAPI, root: Path, family: str, student: str) -> str:
    """Grade one submission, and write its feedback.

    Returns: the grade, or why there is none, in a few words.
    """
    submission = root / "submitted" / student / family
    if faults := unreadable(submission, root / "release" / family):
        return f"not graded: {'; '.join(faults)}"
    for step in (grader.autograde, grader.generate_feedback):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)  # nbgrader's own queries
            done = step(family, student, force=True)
        if not done["success"]:
            said = RAISED.findall(done["log"]) or done["log"].strip().splitlines()
            return f"not graded: {said[0].strip() if said else 'nbgrader gave no reason'}"
    found = grader.gradebook.find_submission(family, student)
    by_hand = ", some of it to be looked at by hand" if found.needs_manual_grade else ""
    return f"{found.score:g} of {found.max_score:g}{by_hand}"


def run(root: Path) -> dict[tuple[str, str], str]:
    """Grade all submissions of a course; what became of each, by family and student."""
    grader, results = course.api(root), {}
    for submission in sorted((root / "submitted").glob("*/*")):
        student, family = submission.parts[-2:]
        if not (root / "release" / family).is_dir():
            continue
        results[family, student] = grade(grader, root, family, student)
        print(f"{family}, {student}: {results[family, student]}", flush=True)
    exporter = CsvExportPlugin()
    exporter.to = str(root / "grades.csv")
    exporter.export(grader.gradebook)
    return results


@settings.command
def main() -> int:
    root = Path(os.environ.get("COURSE") or course.COURSE).expanduser()
    if not (root / "nbgrader_config.py").exists():
        print(f"{root} is no course: run `make course` first", file=sys.stderr)
        return 1
    results = run(root)
    if not results:
        print(f"nothing was handed in: {root}/submitted/<student>/<family>/<page>.ipynb")
    print(f"grades: {root}/grades.csv; feedback: {root}/feedback")
    return 0


if __name__ == "__main__":
    sys.exit(main())
