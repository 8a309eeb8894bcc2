"""Every exercise: the solution passes its check; the stub and a plausible wrong answer fail it."""

import functools
from pathlib import Path
from types import CodeType

import pytest

from book import execute, exercises, pairs, stubs
from book.exercises import Exercise
from helpers import chapters

LEAST = {"core page": 4, "further page": 2}
EXERCISES = [exercise for page in pairs.sources() for exercise in exercises.of(page)]


@functools.cache
def defined(page: Path) -> CodeType:
    return compile(chapters.definitions(page), str(page), "exec")


def run(exercise: Exercise, answer: str, test: str = "") -> None:
    """The chapter's definitions, one answer, its check, or another test in the check's place."""
    space: dict = {}
    exec(defined(exercise.page), space)
    exec(answer, space)
    exec(test or exercise.check, space)


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.name)
class TestExercise:
    def test_has_its_marks(self, exercise):
        assert exercise.name, "an exercise's solution cell needs an nbgrader grade_id"
        assert exercise.wrong, f"{exercise.name} needs a wrong_answer in its metadata"

    def test_the_solution_passes(self, exercise):
        run(exercise, exercise.source)

    def test_the_stub_fails(self, exercise):
        with pytest.raises(NotImplementedError):
            run(exercise, stubs.stub(exercise.source))

    def test_a_wrong_answer_fails_with_a_message_that_helps(self, exercise):
        wrong = stubs.replace_solution(exercise.source, exercise.wrong)
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
    assert stubs.stub(source) == (
        "def f(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()\n"
    )
    assert stubs.has_solution(source) and not stubs.has_solution("return x")
