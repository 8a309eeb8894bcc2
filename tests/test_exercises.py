"""Every exercise: the solution passes its check; the stub and a plausible wrong answer fail it."""

import functools
from pathlib import Path
from types import CodeType
from typing import NamedTuple

import jupytext
import pytest
from nbformat import NotebookNode

from book import course, execute, pairs
from helpers import chapters

LEAST = {"core page": 4, "further page": 2}


class Exercise(NamedTuple):
    """A solution cell and the check cell that follows it."""

    name: str
    source: str
    wrong: str
    check: str
    page: Path


def grade_id(cell: NotebookNode) -> str:
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def exercises() -> list[Exercise]:
    found = []
    for page in pairs.sources():
        cells = [c for c in jupytext.read(page).cells if c.cell_type == "code"]
        for cell, after in zip(cells, cells[1:]):
            if course.has_solution(cell.source):
                name, wrong = grade_id(cell), cell.metadata.get("wrong_answer", "")
                assert after.metadata.get("nbgrader", {}).get("grade"), f"{name}: no check follows"
                found.append(Exercise(name, cell.source, wrong, after.source, page))
    return found


EXERCISES = exercises()


@functools.cache
def defined(page: Path) -> CodeType:
    return compile(chapters.definitions(page), str(page), "exec")


def run(exercise: Exercise, answer: str) -> None:
    """The chapter's definitions, one answer, its check."""
    space: dict = {}
    exec(defined(exercise.page), space)
    exec(answer, space)
    exec(exercise.check, space)


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.name)
class TestExercise:
    def test_has_its_marks(self, exercise):
        assert exercise.name, "an exercise's solution cell needs an nbgrader grade_id"
        assert exercise.wrong, f"{exercise.name} needs a wrong_answer in its metadata"

    def test_the_solution_passes(self, exercise):
        run(exercise, exercise.source)

    def test_the_stub_fails(self, exercise):
        with pytest.raises(NotImplementedError):
            run(exercise, course.stub(exercise.source))

    def test_a_wrong_answer_fails_with_a_message_that_helps(self, exercise):
        wrong = course.replace_solution(exercise.source, exercise.wrong)
        with pytest.raises(AssertionError) as caught:
            run(exercise, wrong)
        assert len(str(caught.value)) > 30, "the check must say what is wrong"


@pytest.mark.parametrize("page", pairs.sources(), ids=execute.name)
def test_every_chapter_has_exercises(page):
    kind = "core page" if page.parent == pairs.CHAPTERS else "further page"
    found = sum(exercise.page == page for exercise in EXERCISES)
    assert found >= LEAST[kind], (
        f"{execute.name(page)}.md has {found} exercise(s), a {kind} needs {LEAST[kind]}: "
        "each is a cell with a solution between nbgrader's marks, then a cell that checks it"
    )


def test_stub_keeps_the_indentation():
    source = "def f(x):\n    ### BEGIN SOLUTION\n    return x\n    ### END SOLUTION\n"
    assert course.stub(source) == (
        "def f(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()\n"
    )
    assert course.has_solution(source) and not course.has_solution("return x")
