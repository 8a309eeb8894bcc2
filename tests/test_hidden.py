"""Hidden tests: the worked answer passes them, each kept wrong answer does not."""

import contextlib
import io
import runpy
import textwrap

import pytest

from book import execute, exercises, stubs
from book.exercises import Exercise
from tests.conftest import WAITING
from tests.test_exercises import EXERCISES, run

LEAST_WRONG = 3
BLIND = "def check(*args, **named):\n    pass\n\n\n"
TESTED = [e for e in EXERCISES if exercises.hidden_file(e.page)]


def hidden(exercise: Exercise) -> str:
    return exercises.hidden_test(exercise, exercises.hidden_file(exercise.page))


def kept(exercise: Exercise, kind: str) -> dict[str, str]:
    """The wrong answers of one kind by what is wrong with them."""
    answers = runpy.run_path(str(exercises.hidden_file(exercise.page)))[kind]
    return {n: textwrap.dedent(text) for n, text in answers.get(exercise.name, {}).items()}


def each(kind: str):
    """Parametrize by all kept answers of one kind."""
    found = [(e, name, text) for e in TESTED for name, text in kept(e, kind).items()]
    cases = [pytest.param(e, text, id=f"{e.name}: {name}") for e, name, text in found]
    return pytest.mark.parametrize(("exercise", "answer"), cases)


def fails(exercise: Exercise, source: str, test: str = "") -> bool:
    """Whether an answer fails a test, by whichever exception."""
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            run(exercise, source, test)
        except Exception:
            return True
    return False


@pytest.mark.parametrize("page", execute.notebooks(), ids=execute.name)
def test_pages_have_hidden_tests_or_wait(page):
    name, asked = execute.name(page), exercises.of(page)
    tested = [e.name for e in asked if e in TESTED and hidden(e)]
    if name in WAITING["hidden"]:
        assert not tested, f"tests/waiting.yml: {name} has hidden tests, delete its row"
    else:
        assert tested == [e.name for e in asked], f"book/hidden/{name}.py lacks some"


@pytest.mark.parametrize("exercise", TESTED, ids=lambda e: e.name)
class TestHidden:
    def test_the_worked_answer_passes(self, exercise):
        run(exercise, exercise.source, hidden(exercise))

    def test_a_check_made_blind_does_not_help(self, exercise):
        nothing = stubs.replace_solution(exercise.source, "return None")
        assert fails(exercise, BLIND + nothing, hidden(exercise))

    def test_wrong_answers_are_kept(self, exercise):
        assert len(kept(exercise, "SLIPS")) >= LEAST_WRONG and kept(exercise, "PLEASERS")

    def test_the_page_s_wrong_answer_fails(self, exercise):
        wrong = stubs.replace_solution(exercise.source, exercise.wrong)
        assert fails(exercise, wrong, hidden(exercise))


@each("SLIPS")
def test_a_slip_fails_both_tests(exercise, answer):
    source = stubs.replace_solution(exercise.source, answer)
    assert fails(exercise, source), "the check on the page lets it pass"
    assert fails(exercise, source, hidden(exercise)), "the hidden test lets it pass"


@each("PLEASERS")
def test_an_answer_that_pleases_the_check_fails(exercise, answer):
    source = stubs.replace_solution(exercise.source, answer)
    assert not fails(exercise, source), "it does not even please the check"
    assert fails(exercise, source, hidden(exercise)), "the hidden test lets it pass"
