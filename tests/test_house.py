"""What decides which pages are executed, built and tested, and how commands end."""

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from book import build, execute, settings
from tests import selection

PAGES = {"kan", "kan/bases", "ntk", "pinns/forms"}


def item(path: str, markers: tuple = (), **params) -> SimpleNamespace:
    """A test as pytest collects it, as far as the selection looks."""
    marks = {mark.name: mark for mark in markers}
    return SimpleNamespace(
        path=Path(f"tests/{path}.py"),
        callspec=SimpleNamespace(params=params),
        get_closest_marker=marks.get,
    )


KAN, WHOLE = pytest.mark.page("kan").mark, pytest.mark.whole.mark
ITEMS = {
    "a unit test of a family": item("test_kan"),
    "a unit test of a page": item("test_pinns_forms"),
    "a page in the browser": item("test_browser", name="chapters/kan/bases"),
    "a page of the book in the browser": item("test_browser", name="book/atlas"),
    "a test that uses one page": item("test_browser", (KAN,), fault="label"),
    "a pair": item("test_pairs", source=execute.page_named("ntk")),
    "an exercise": item("test_exercises", exercise=SimpleNamespace(page=execute.page_named("kan"))),
    "the whole book": item("test_book", (WHOLE,)),
    "the house": item("test_claims", bar={"at_most": 1.0}),
}


@pytest.mark.parametrize(
    ("name", "pages"),
    [
        ("a unit test of a family", {"kan", "kan/bases"}),
        ("a unit test of a page", {"pinns/forms"}),
        ("a page in the browser", {"kan/bases"}),
        ("a page of the book in the browser", set()),
        ("a test that uses one page", {"kan"}),
        ("a pair", {"ntk"}),
        ("an exercise", {"kan"}),
        ("the house", set()),
    ],
)
def test_a_test_knows_its_pages(name, pages):
    assert selection.pages_of(ITEMS[name], PAGES) == pages


@pytest.mark.parametrize("name", ITEMS)
@pytest.mark.parametrize("parts", [1, 2, 4])
def test_each_test_is_in_one_part(monkeypatch, name, parts):
    monkeypatch.delenv("PAGES", raising=False)
    homes = []
    for index in range(parts + 1):
        monkeypatch.setenv("SHARD", f"{index}/{parts}")
        homes += [index] * selection.wanted(ITEMS[name], PAGES)
    assert len(homes) == 1
    assert (homes == [0]) == (name in ("the whole book", "the house") or "of the book" in name)


def test_pages_keep_what_belongs_to_them(monkeypatch):
    monkeypatch.delenv("SHARD", raising=False)
    monkeypatch.setenv("PAGES", "kan, ntk")
    kept = {name for name, test in ITEMS.items() if selection.wanted(test, PAGES)}
    assert kept == {
        "a unit test of a family",
        "a test that uses one page",
        "a pair",
        "an exercise",
    }


@pytest.mark.parametrize("text", ["5/4", "1", "a/b", "1/0", "-1/4"])
def test_a_wrong_shard_is_one_sentence(monkeypatch, text):
    monkeypatch.setenv("SHARD", text)
    with pytest.raises(SystemExit, match="SHARD is I/N"):
        settings.shard()


def test_a_wrong_page_names_the_nearest():
    with pytest.raises(SystemExit, match="no page 'kan/base'; did you mean 'kan/bases'"):
        execute.chosen(["kan/base"])


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (KeyboardInterrupt(), 130, "Interrupted; what is done is kept"),
        (PermissionError(13, "Permission denied", "_build"), 1, "_build cannot be written"),
    ],
)
def test_a_command_ends_with_a_sentence(capsys, error, status, said):
    @settings.command
    def main() -> int:
        raise error

    assert main() == status
    assert capsys.readouterr().err.strip().startswith(said)


@pytest.mark.parametrize(
    ("last", "asked", "covered"),
    [([], [], True), ([], ["kan"], True), (["kan", "ntk"], ["kan"], True), (["kan"], [], False)],
)
def test_an_earlier_build_covers_a_request(tmp_path, last, asked, covered):
    stamp = tmp_path / "stamp"
    assert not build.built(stamp, "now", asked)
    stamp.write_text(json.dumps({"state": "now", "names": last}))
    assert build.built(stamp, "now", asked) == covered
    assert not build.built(stamp, "later", asked)


LOG = (
    f"\x1b[91m{execute.page_named('kan')}:64: WARNING: undefined label: 'lost'\x1b[39;49;00m\n"
    "a line of another kind\n"
)
ANYWHERE = "WARNING: while setting up extension x: no such thing\n"


@pytest.mark.parametrize(
    ("log", "faults", "again", "keeps_the_rest"),
    [
        (LOG, ["chapters/kan.md:64: undefined label: 'lost'"], ["chapters/kan"], True),
        (ANYWHERE, ["the book: while setting up extension x: no such thing"], None, False),
        ("all is lost\n", ["all is lost"], None, True),
    ],
)
def test_a_failed_build(tmp_path, monkeypatch, log, faults, again, keeps_the_rest):
    """It ends with a line a fault; the next one reads the pages concerned again, all of them where
    nobody knows which.
    """
    (tmp_path / "_build" / ".doctrees-html").mkdir(parents=True)

    def fails(command, cwd, stdout, stderr):
        stdout.write(log)
        return subprocess.CompletedProcess(command, 1)

    monkeypatch.setattr(build.subprocess, "run", fails)
    assert build.render(tmp_path, "html") == faults
    noted = tmp_path / "_build" / ".to-read-html"
    assert (noted.read_text().splitlines() if noted.exists() else None) == again
    assert (tmp_path / "_build" / ".doctrees-html").exists() == keeps_the_rest


class TestRecords:
    @pytest.fixture(autouse=True)
    def cache(self, tmp_path):
        self.build, self.kan, self.ntk = tmp_path, *map(execute.page_named, ("kan", "ntk"))
        self.cache = execute.open_cache(tmp_path)

    def keep(self, page: Path) -> None:
        execute.store(self.cache, page, execute.read(page), "a state", seconds=2.0, work=0.2)

    def test_executions_are_counted(self):
        self.keep(self.kan)
        assert execute.record_of(self.cache, self.kan).data["work_seconds"] == 0.2
        assert execute.executions(self.build, ["kan"]).startswith("1 of 1 notebooks executed once")
        self.keep(self.kan)
        assert execute.executions(self.build, ["kan"]).endswith("; kan 2 times")

    def test_a_record_without_its_file_does_not_count(self):
        self.keep(self.kan)
        record = execute.record_of(self.cache, self.kan)
        (self.build / ".jupyter_cache" / "executed" / record.hashkey / "base.ipynb").unlink()
        assert execute.record_of(self.cache, self.kan) is None

    def test_a_page_that_is_left_out_is_shown_without_outputs_and_stays_stale(self):
        self.keep(self.kan)
        execute.leave_out(self.cache, [self.kan, self.ntk])
        assert execute.record_of(self.cache, self.kan).data["executions"] == 1
        assert execute.record_of(self.cache, self.ntk).data["fingerprint"] == ""
        assert execute.find_stale(self.cache, [self.ntk])[0] == [self.ntk]

    def test_executions_of_other_machines_are_gathered(self, tmp_path):
        self.keep(self.kan)
        execute.leave_out(self.cache, [self.ntk])
        execute.gather(tmp_path / "here", [tmp_path / ".jupyter_cache"])
        here = execute.open_cache(tmp_path / "here")
        assert execute.record_of(here, self.kan).data["fingerprint"] == "a state"
        assert execute.record_of(here, self.ntk) is None
