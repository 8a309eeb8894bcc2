"""The built book: every setting drawn, every claim in order, weights, links."""

import gzip
import re

import pytest

from book import execute, form, seeds
from helpers.atlas import papers
from helpers.claims import verdict
from tests.conftest import WAITING
from tests.site import broken_links

PAGE_LIMIT = 1.5e6
SECONDS_LIMIT = 45  # on the reference machine, see book/yardstick.py
NOISE = 1.5  # by which a page's converted time may be off: no machine may turn this test red
MINUTES_LIMIT = 45
SLIDERS = {"core page": 3, "further page": 2}

NOTEBOOKS = pytest.mark.parametrize("page", execute.notebooks(), ids=execute.name)


def docname(page) -> str:
    return f"chapters/{execute.name(page)}"


@pytest.fixture
def run(runs, page):
    return runs[docname(page)]


@NOTEBOOKS
def test_it_was_executed_as_it_is_now(run, page):
    assert run.fingerprint, f"{run.docname} was not executed: run `make book`"


@NOTEBOOKS
def test_every_slider_setting_draws(run, page, seen):
    errors = [error for figure in run.figures for error in figure["errors"]]
    seen("slider settings", sum(figure["settings"] for figure in run.figures))
    assert not errors, "\n".join(errors)


@NOTEBOOKS
def test_it_has_sliders_and_claims(run, page):
    kind = "core page" if page.parent == execute.CHAPTERS else "further page"
    sliders = form.sliders(run)
    assert sliders >= SLIDERS[kind], (
        f"{execute.name(page)}.md has {sliders} slider(s), a {kind} needs {SLIDERS[kind]}: "
        "add a figure under @explore(...)"
    )
    assert run.claims, f"{execute.name(page)}.md has no claim: add claim(key, says, ...)"


@NOTEBOOKS
def test_no_claim_fails(run, page):
    assert [record["says"] for record in run.claims if verdict(record) == "fails"] == []


@NOTEBOOKS
def test_it_executes_in_its_time(run, page):
    limit = SECONDS_LIMIT * NOISE
    assert run.reference_seconds <= limit, (
        f"{execute.name(page)}.md takes {run.reference_seconds:.0f} s of CPU on the reference "
        f"machine ({run.seconds:.0f} s on this one); a page has {SECONDS_LIMIT} s"
    )


@NOTEBOOKS
def test_it_is_read_in_its_time(run, page):
    """A page that is too long waits for its family, and does not grow until then."""
    name, minutes = execute.name(page), form.minutes(page, run)
    limit = WAITING["minutes"].get(name, MINUTES_LIMIT)
    assert minutes <= limit, f"{name}.md takes {minutes} minutes to read, and has {limit}"
    assert minutes > MINUTES_LIMIT or name not in WAITING["minutes"], "waiting.yml: delete its row"


@NOTEBOOKS
def test_it_is_light(site, page):
    path = site / f"{docname(page)}.html"
    frames = set(re.findall(r"_static/frames/[\w-]+\.js", path.read_text(encoding="utf-8")))
    weight = sum(len(gzip.compress(p.read_bytes())) for p in (path, *(site / f for f in frames)))
    assert weight <= PAGE_LIMIT, f"{execute.name(page)}: {weight / 1e6:.2f} MB, gzipped"


@NOTEBOOKS
def test_its_claims_are_in_the_ledger(site, run, page):
    ledger = (site / "book" / "ledger.html").read_text(encoding="utf-8")
    for record in run.claims:
        assert f"{run.docname.split('/')[-1]}.html#{record['anchor']}" in ledger


@NOTEBOOKS
def test_its_claims_show_their_seeds(site, run, page):
    """A box has a strip where the claim was measured under many seeds, and a link to the atlas."""
    measured = seeds.read().get(execute.name(page), {"claims": []})["claims"]
    anchors = {entry["anchor"] for entry in measured} & {r["anchor"] for r in run.claims}
    text = (site / f"{docname(page)}.html").read_text(encoding="utf-8")
    assert text.count('<svg class="strip"') == len(anchors)
    assert text.count("atlas.html#paper-") == len(run.claims)


@NOTEBOOKS
def test_tables_and_formulas_of_outputs_are_rendered(site, page):
    raw = re.compile(r"<p>\|[^<]*\||<p>[^<]*\$[^<$]+\$")
    found = raw.search((site / f"{docname(page)}.html").read_text(encoding="utf-8"))
    assert not found, found[0]


@NOTEBOOKS
def test_exercises_show_stub_and_folded_solution(site, page):
    text = (site / f"{docname(page)}.html").read_text(encoding="utf-8")
    assert text.count('<details class="solution">') == text.count("YOUR CODE HERE") > 0


@pytest.mark.whole
def test_pages_of_the_book_are_light(site):
    weights = {p: len(gzip.compress(p.read_bytes())) for p in site.rglob("*.html")}
    heavy = {str(p.relative_to(site)): w for p, w in weights.items() if w > PAGE_LIMIT}
    assert not heavy


@pytest.mark.whole
def test_anchors_of_claims_are_unique(runs):
    anchors = [record["anchor"] for run in runs.values() for record in run.claims]
    assert len(anchors) == len(set(anchors))


@pytest.mark.whole
def test_links_and_anchors(site):
    assert broken_links(site) == []


def test_a_broken_link_is_found(tmp_path):
    (tmp_path / "a.html").write_text('<a href="b.html#x">b</a><a id="y" href="#y">y</a>')
    (tmp_path / "b.html").write_text('<p id="z">b</p><img src="missing.png">')
    assert broken_links(tmp_path) == [
        "a.html: b.html#x (no such anchor)",
        "b.html: missing.png (no such file)",
    ]


@pytest.mark.whole
def test_the_atlas_comes_from_the_runs(site, runs):
    atlas = (site / "book" / "atlas.html").read_text(encoding="utf-8")
    assert atlas.count("data-chapter=") == len(papers())
    asked = [r for run in runs.values() for r in run.claims if r["asks"] == "paper"]
    done = {r["key"] for r in asked if verdict(r) == "holds"}
    waiting = {r["key"] for r in asked if verdict(r) == "no control yet"} - done
    assert atlas.count('data-state="implemented"') == len(done)
    assert atlas.count('data-state="no control yet"') == len(waiting)
