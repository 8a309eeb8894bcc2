"""Exercises without their answers: what learners get of a page. Plain Python, for the wheel too."""

import re

SOLUTION = re.compile(
    r"^(?P<indent>[ \t]*)### BEGIN SOLUTION\n.*?^[ \t]*### END SOLUTION[ \t]*$",
    re.DOTALL | re.MULTILINE,
)
WRONG_ANSWER = re.compile(r"^wrong_answer: \|\n(?:[ ]+.*\n|\n)*", re.MULTILINE)


def has_solution(source: str) -> bool:
    """Whether a cell holds a solution between nbgrader's marks."""
    return bool(SOLUTION.search(source))


def stub(source: str) -> str:
    """The cell as the learner gets it: nbgrader's default stub in the solution's place."""
    return replace_solution(source, "# YOUR CODE HERE\nraise NotImplementedError()")


def replace_solution(source: str, answer: str) -> str:
    """The cell with another answer between the marks, indented as the marks are."""

    def put(match: re.Match) -> str:
        return "\n".join(
            (match["indent"] + line).rstrip() for line in answer.strip("\n").split("\n")
        )

    return SOLUTION.sub(put, source)


def without_answers(page: str) -> str:
    """A page's .md with stubs, and without the wrong answers that its tests try."""
    return stub(WRONG_ANSWER.sub("", page))
