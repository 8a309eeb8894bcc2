"""The whole way with nbgrader: a course is written and released, answers come in, grades go out."""

import csv
import os
import re
import sqlite3

import nbformat
import pytest

from book import course, execute, exercises, grade, pairs, stubs
from tests.test_hidden import BLIND, kept

PAGE = execute.page_named("kan")
ASKED = exercises.of(PAGE)
FULL = 6
SECONDS = 20  # for the cell that never ends; an answer takes a hundredth of one
LIMIT = """
def limit(cell):
    name = cell.metadata.get("nbgrader", {{}}).get("grade_id")
    return {seconds} if name == "kan-ex-4-check" else 600


c.Execute.timeout_func = limit
"""
ASK_THE_BOOK = """
from helpers import chapter
answer = chapter("kan").{}
return answer(*({},))
"""


def answers(bodies: dict[str, str], before: str = "") -> dict[str, str]:
    """The cells of a submission by their grade_id: worked answers but where bodies are given."""
    cells = {e.name: e.source for e in ASKED}
    given = [e for e in ASKED if e.name in bodies]
    return cells | {
        e.name: before + stubs.replace_solution(e.source, bodies[e.name]) for e in given
    }


def nth(kind: str, n: int) -> dict[str, str]:
    """The n-th kept wrong answer of each exercise."""
    found = {e.name: list(kept(e, kind).values()) for e in ASKED}
    return {name: texts[n] for name, texts in found.items()}


SUBMISSIONS = {
    "reference": answers({}),
    "stubs": {},
    "slips-0": answers(nth("SLIPS", 0)),
    "slips-1": answers(nth("SLIPS", 1)),
    "slips-2": answers(nth("SLIPS", 2)),
    "pleasing": answers(nth("PLEASERS", 0)),
    "blind": answers({e.name: "return None" for e in ASKED}, before=BLIND),
    "asking-the-book": answers(
        {
            "kan-ex-1": ASK_THE_BOOK.format("kan_size", "width, G, k"),
            "kan-ex-2": ASK_THE_BOOK.format("spline_slope", "x, c, grid, k"),
            "kan-ex-3": ASK_THE_BOOK.format("nearest_spline", "x, values, G, k"),
            "kan-ex-4": ASK_THE_BOOK.format("far_outside", "layer, x"),
        }
    ),
    "raising": answers({"kan-ex-4": "raise ValueError('no idea')"}),
    "endless": answers({"kan-ex-4": "import time\nwhile True:\n    time.sleep(1)"}),
}
FILES = {
    "empty": ("kan.ipynb", ""),
    "text": ("kan.ipynb", "The answers are 42 and 43."),
    "pdf": ("answers.pdf", "%PDF-1.7"),
}
GRADES = {"reference": FULL, "raising": FULL - 1, "endless": FULL - 1}
NOT_GRADED = {
    "empty": "not graded: kan.ipynb is empty",
    "text": "not graded: kan.ipynb is no notebook",
    "pdf": "not graded: kan.ipynb is missing; handed in is answers.pdf",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A course of one page, released. Its configuration sets the environment, here for a while."""
    folder, before = tmp_path_factory.mktemp("course"), dict(os.environ)
    assert course.write(folder, [PAGE]) == {}
    yield folder
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def results(root):
    """What became of all that was handed in, by student."""
    released = root / "release" / "kan" / "kan.ipynb"
    for student, cells in SUBMISSIONS.items():
        notebook = nbformat.read(released, 4)
        for cell in notebook.cells:
            cell.source = cells.get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
        hand_in(root, student, "kan.ipynb", nbformat.writes(notebook))
    for student, (name, text) in FILES.items():
        hand_in(root, student, name, text)
    with (root / "nbgrader_config.py").open("a") as config:
        config.write(LIMIT.format(seconds=SECONDS))
    return {student: said for (_, student), said in grade.run(root).items()}


def hand_in(root, student: str, name: str, text: str) -> None:
    file = root / "submitted" / student / "kan" / name
    file.parent.mkdir(parents=True)
    file.write_text(text, encoding="utf-8")


def marks(notebook) -> list[dict]:
    return [c.metadata.nbgrader for c in notebook.cells if "nbgrader" in c.metadata]


@pytest.mark.page("kan")
class TestJourney:
    def test_the_release_holds_stubs_and_nothing_of_the_answers(self, root):
        released = nbformat.read(root / "release" / "kan" / "kan.ipynb", 4)
        text = nbformat.writes(released)
        for word in ("HIDDEN", "BEGIN SOLUTION", "wrong_answer", 'outputs": [\n    {', "reload"):
            assert word not in text
        sources = {
            c.metadata.nbgrader.grade_id: c.source
            for c in released.cells
            if "nbgrader" in c.metadata
        }
        for exercise in ASKED:
            assert sources[exercise.name] == stubs.stub(exercise.source)
            assert sources[exercise.name].startswith("def ")
            assert sources[f"{exercise.name}-check"].strip() == exercise.check.strip()

    def test_the_source_has_nbgrader_s_marks(self, root):
        source = nbformat.read(root / "source" / "kan" / "kan.ipynb", 4)
        found = {m.grade_id: m for m in marks(source)}
        for exercise in ASKED:
            answer, check = found[exercise.name], found[f"{exercise.name}-check"]
            assert (answer.solution, answer.grade, answer.locked) == (True, False, False)
            assert (check.solution, check.grade, check.locked) == (False, True, True)
            assert check.points == exercise.points
        assert all(m.schema_version == 3 for m in found.values())
        hidden = [c.source for c in source.cells if "### BEGIN HIDDEN TESTS" in c.source]
        assert len(hidden) == len(ASKED) and all("### END HIDDEN TESTS" in s for s in hidden)

    def test_the_gradebook_knows_the_points(self, root):
        with sqlite3.connect(root / "gradebook.db") as book:
            (points,) = book.execute("select sum(max_score) from grade_cells").fetchone()
        assert points == FULL

    @pytest.mark.parametrize("student", SUBMISSIONS)
    def test_a_submission_gets_its_grade(self, results, student):
        assert results[student] == f"{GRADES.get(student, 0)} of {FULL}"

    @pytest.mark.parametrize("student", FILES)
    def test_what_is_no_notebook_is_named(self, results, student):
        assert results[student] == NOT_GRADED[student]

    def test_feedback_and_grades_are_written(self, root, results):
        with (root / "grades.csv").open() as file:
            rows = {row["student_id"]: float(row["score"] or 0) for row in csv.DictReader(file)}
        assert {s: rows[s] for s in SUBMISSIONS} == {s: GRADES.get(s, 0) for s in SUBMISSIONS}
        for student in SUBMISSIONS:
            assert (root / "feedback" / student / "kan" / "kan.html").exists()

    @pytest.mark.parametrize(
        ("student", "said"),
        [
            ("endless", "No reply from kernel before timeout"),
            ("raising", "no idea"),
            ("slips-0", "got 6, it should be 5"),
            ("pleasing", "Count the parameters without building the network."),
        ],
    )
    def test_feedback_says_what_is_wrong_and_shows_no_hidden_test(
        self, root, results, student, said
    ):
        text = (root / "feedback" / student / "kan" / "kan.html").read_text(encoding="utf-8")
        assert said in text
        for word in ("HIDDEN", "by_hand", "kan_ex_", "design_matrix", "reload"):
            assert word not in text


def test_what_learners_install_holds_no_answer(root):
    """The chapters in the wheel, which are what answers are graded beside as well."""
    copies = root / "grading" / "helpers" / "_sources" / "chapters"
    pages = {p.relative_to(copies) for p in copies.rglob("*") if p.is_file()}
    assert pages == {p.relative_to(pairs.CHAPTERS) for p in pairs.sources()}
    for page in pairs.sources():
        text = (copies / page.relative_to(pairs.CHAPTERS)).read_text(encoding="utf-8")
        assert "BEGIN SOLUTION" not in text and "wrong_answer" not in text
        assert text.count("raise NotImplementedError()") == len(exercises.of(page))


@pytest.mark.parametrize("page", pairs.sources(), ids=execute.name)
def test_a_course_notebook_is_complete_and_reads_without_directives(page):
    """Its worked answers pass, with nothing but what stands in it."""
    notebook, space = course.notebook(page), {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            exec(cell.source, space)
        else:
            for directive in ("```{", ":::", "{eq}", "{cite}", "\n:label:"):
                assert directive not in cell.source
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    text = "\n".join(cell.source for cell in notebook.cells)
    named = re.findall(r"\{eq\}`([^`]*)`", "".join(e.text for e in exercises.of(page)))
    assert all(f"\\tag{{{label}}}" in text for label in named)


TEXT = """# A page

```{code-cell} ipython3
import math
from helpers import check

# used below
SCALE, OTHER = 2, 3
FACTOR = 2


def unused():
    return math.pi


# twice as much
def twice(x):
    return FACTOR * x
```
"""


def test_only_what_is_used_is_taken(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(TEXT)
    assert exercises.scaffold(page, ["check('a', twice(1), 2)"]) == [
        "from helpers import check",
        "FACTOR = 2\n\n\n# twice as much\ndef twice(x):\n    return FACTOR * x",
    ]


def test_a_teacher_s_own_exercises_stay_private(tmp_path):
    """A folder of pages and hidden tests takes the place of the book's."""
    text = PAGE.read_text(encoding="utf-8").replace("What does an edge cost?", "Our own question")
    (tmp_path / "kan.md").write_text(text, encoding="utf-8")
    assert exercises.hidden_file(PAGE, tmp_path) is None, "the book's tests are for its own"
    (tmp_path / "kan.py").write_text(
        "def kan_ex_1(answer):\n    assert answer([2, 2], 1, 1) == 12\n"
    )
    sources = [cell.source for cell in course.notebook(PAGE, tmp_path).cells]
    assert any(source.startswith("## Our own question") for source in sources)
    hidden = [source for source in sources if "BEGIN HIDDEN" in source]
    assert len(hidden) == 1 and "assert answer([2, 2], 1, 1) == 12" in hidden[0]


@pytest.mark.parametrize(
    ("command", "name", "value", "said"),
    [
        (course, "PRIVATE", "/no/such", "PRIVATE=/no/such is no folder"),
        (grade, "COURSE", "/no/such", "/no/such is no course: run `make course` first"),
    ],
)
def test_a_wrong_folder_is_one_sentence(monkeypatch, capsys, command, name, value, said):
    monkeypatch.setenv(name, value)
    assert command.main() == 1
    assert capsys.readouterr().err.strip() == said
