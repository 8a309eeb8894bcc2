"""The evidence behind claims: controls, seeds, edits that are noticed; what still waits."""

import ast
import re
import subprocess
import sys

import pytest

from book import execute, seeds, stale
from helpers import chapters
from tests import mutants
from tests.conftest import ROOT, WAITING

SEEDS = set(map(str, range(20)))
LEAST_EDITS = {"helpers": 20, "live": 10, "core page": 8}
NOTEBOOKS = pytest.mark.parametrize("page", execute.notebooks(), ids=execute.name)


def without_control(page) -> list[int]:
    """The lines of a page's claims that say control=None."""
    trees = (chapters.parsed(source, page, line) for line, source in chapters.code_cells(page))
    calls = (n for tree in trees for n in ast.walk(tree) if isinstance(n, ast.Call))
    claims = (call for call in calls if ast.unparse(call.func) == "claim")
    return [
        call.lineno
        for call in claims
        if any(k.arg == "control" and ast.unparse(k.value) == "None" for k in call.keywords)
    ]


@NOTEBOOKS
def test_claims_have_controls(page):
    lines, name = without_control(page), execute.name(page)
    allowed = WAITING["controls"].get(name, 0)
    assert len(lines) <= allowed, f"{name}.md: no control on lines {lines}"
    assert len(lines) == allowed, f"tests/waiting.yml: {name} waits for {len(lines)} controls now"


@NOTEBOOKS
def test_claims_are_measured_under_twenty_seeds(page):
    name = execute.name(page)
    entry = seeds.read().get(name, {"state": "", "seconds": {}})
    measured = entry["state"] == stale.measuring(page) and set(entry["seconds"]) >= SEEDS
    if name in WAITING["seeds"]:
        assert not measured, f"tests/waiting.yml: {name} has its seeds, delete its row"
    else:
        assert measured, f'{name} is to be measured: make seeds SEEDS=0-19 PAGES="{name}"'
        assert seeds.failures(name, entry) == []


def test_what_waits_exists():
    names = set(map(execute.name, execute.notebooks()))
    assert set(WAITING["controls"]) | set(WAITING["seeds"]) <= names


def test_the_list_of_edits_is_sound():
    texts = [mutants.mutated(edit) for edit in mutants.edits()]
    assert len(set(texts)) == len(texts), "an edit stands twice"


def test_each_edit_was_noticed():
    rows = list(mutants.known().values())
    assert [row["what"] for row in rows if not row["red"]] == []
    noticed = {row["what"] for row in rows}
    assert [edit["what"] for edit in mutants.edits() if edit["what"] not in noticed] == []
    places = [row["place"] for row in rows]
    core = {execute.name(p) for p in execute.notebooks() if p.parent == execute.CHAPTERS}
    for place in ("helpers", "live"):
        assert places.count(place) >= LEAST_EDITS[place]
    few = {name for name in core if places.count(name) < LEAST_EDITS["core page"]}
    assert few == set(), "core pages with fewer than 8 edits noticed"


def test_an_edit_whose_text_is_not_unique_is_refused():
    with pytest.raises(ValueError, match="stands there 0 times"):
        mutants.mutated({"file": "helpers/claims.py", "old": "no such text", "new": ""})


PAGE = """# A page

```{code-cell} ipython3
from helpers import claim, explore, seeded
```

```{code-cell} ipython3
x = float(seeded(1).numpy.random())
@explore(k=[1, 2])
def figure(k=1):
    '''A figure that must not be drawn.'''
    raise AssertionError
claim("kan", "A number is small.", measured=x, at_most=2, control=("three", 3 + x))
claim("kan", "A number is tiny.", measured=x, at_most=0.5, control=("four", 4))
```
"""


@pytest.fixture
def small(monkeypatch, tmp_path):
    """A page of two claims, of which the second fails under some seeds."""
    page = tmp_path / "small.md"
    page.write_text(PAGE, encoding="utf-8")
    monkeypatch.setattr(execute, "page_named", lambda name: page)
    monkeypatch.setattr(seeds, "_workers", seeds.contextlib.nullcontext)
    monkeypatch.setattr(
        seeds, "Parallel", lambda **_: lambda jobs: (f(*a, **k) for f, a, k in jobs)
    )
    return page


def test_a_sweep_resumes_and_measures_changed_code_anew(small, tmp_path, capsys):
    target = tmp_path / "seeds.json"
    seeds.sweep(["small"], [0, 1], "loky", target)
    seeds.sweep(["small"], [0, 1, 2], "loky", target)
    assert "1 run(s) to make" in capsys.readouterr().out
    claim = seeds.read(target)["small"]["claims"][0]
    assert set(claim["measured"]) == {"0", "1", "2"} and len(set(claim["measured"].values())) == 3
    assert claim["controls"]["three"]["0"] == pytest.approx(3 + claim["measured"]["0"], rel=1e-3)
    small.write_text(PAGE.replace("A figure", "Another figure").replace("# A page", "# The page"))
    seeds.sweep(["small"], [0], "loky", target)
    assert "0 run(s) to make" in capsys.readouterr().out
    small.write_text(PAGE.replace("seeded(1)", "seeded(2)"))
    seeds.sweep(["small"], [0], "loky", target)
    assert set(seeds.read(target)["small"]["claims"][0]["measured"]) == {"0"}


def test_a_sweep_reports_claims_that_fail_and_controls_that_pass(small, tmp_path, capsys):
    text = PAGE.replace("3 + x", "1 + x").replace("import claim", "import claim, rival")
    floor = "rival=rival('r', measured=0, at_least=1)"
    small.write_text(text.replace('("four", 4)', f'("four", 4), {floor}'), encoding="utf-8")
    failing = seeds.sweep(["small"], list(range(4)), "loky", tmp_path / "seeds.json")
    said = capsys.readouterr().out
    assert failing == 3 and "Measured under seeds" in said
    assert "The control passes, three" in said and "The rival is below its floor, r" in said


def test_a_page_that_stops_is_trouble(small, tmp_path, capsys):
    small.write_text(PAGE.replace("x = float", "x = 1 / 0 #"))
    assert seeds.sweep(["small"], [0], "loky", tmp_path / "seeds.json") == 1
    assert "small under seed 0: ZeroDivisionError" in capsys.readouterr().out


def test_a_strip_puts_seeds_on_their_side_of_the_bar():
    sys.path.insert(0, str(ROOT / "book" / "_ext"))
    import evidence

    values = {"measured": {"0": 1.0, "1": 2.0}, "controls": {"a coin": {"0": 30.0}}}
    strip = evidence.strip(values | {"low": None, "high": 10.0})
    seen = [float(x) for x in re.findall(r'cx="([\d.]+)"', strip)]
    (bar,) = re.findall(r'strip-bar" d="M([\d.]+)', strip)
    (cross,) = re.findall(r'strip-control" d="M([\d.]+)', strip)
    assert seen[0] < seen[1] < float(bar) < float(cross)
    assert 'aria-label="1 to 2; control 30; bar at most 10"' in strip


@pytest.mark.parametrize(
    ("text", "wanted"), [("0-3", [0, 1, 2, 3]), ("5", [5]), ("0,7-8", [0, 7, 8])]
)
def test_seeds_are_read(text, wanted):
    assert seeds.seeds_of(text) == wanted


def test_seeds_of_another_form_are_refused():
    command = [sys.executable, "-m", "book.seeds", "zero"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "seeds are such as 0-19 or 0,7,11; not 'zero'" in done.stderr
