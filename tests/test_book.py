"""The built book: every setting drawn, every claim in order, weights, links, the PDF's figures."""

import gzip
import re
import subprocess
import sys

from helpers.claims import verdict
from tests.conftest import ROOT
from tests.site import broken_links

PAGE_LIMIT = 1.5e6
SECONDS_LIMIT = 60
SLIDERS = {"chapter": 3, "deep dive": 2}


def test_every_notebook_was_executed(runs):
    assert runs and all(run.fingerprint for run in runs.values())


def test_every_slider_setting_draws(runs, seen):
    errors = [e for run in runs.values() for figure in run.figures for e in figure["errors"]]
    seen("slider settings", sum(f["settings"] for run in runs.values() for f in run.figures))
    assert not errors, "\n".join(errors)


def test_every_chapter_has_sliders_and_claims(runs):
    for run in runs.values():
        kind = "chapter" if run.docname.count("/") == 1 else "deep dive"
        assert sum(f["settings"] > 1 for f in run.figures) >= SLIDERS[kind], run.docname
        assert run.claims, run.docname


def test_no_claim_fails(runs):
    records = [record for run in runs.values() for record in run.claims]
    assert [r["says"] for r in records if verdict(r) == "fails"] == []


def test_anchors_of_claims_are_unique(runs):
    anchors = [record["anchor"] for run in runs.values() for record in run.claims]
    assert len(anchors) == len(set(anchors))


def test_notebooks_execute_in_a_minute(runs):
    slow = {run.docname: run.seconds for run in runs.values() if run.seconds > SECONDS_LIMIT}
    assert not slow


def test_pages_are_light(site):
    weights = {p: len(gzip.compress(p.read_bytes())) for p in site.rglob("*.html")}
    heavy = {str(p.relative_to(site)): w for p, w in weights.items() if w > PAGE_LIMIT}
    assert not heavy


def test_links_and_anchors(site):
    assert broken_links(site) == []


def test_tables_and_formulas_of_outputs_are_rendered(site):
    raw = re.compile(r"<p>\|[^<]*\||<p>[^<]*\$[^<$]+\$")
    pages = {p: raw.search(p.read_text(encoding="utf-8")) for p in site.rglob("chapters/**/*.html")}
    assert {str(p.relative_to(site)): m[0] for p, m in pages.items() if m} == {}


def test_a_broken_link_is_found(tmp_path):
    (tmp_path / "a.html").write_text('<a href="b.html#x">b</a><a id="y" href="#y">y</a>')
    (tmp_path / "b.html").write_text('<p id="z">b</p><img src="missing.png">')
    assert broken_links(tmp_path) == [
        "a.html: b.html#x (no such anchor)",
        "b.html: missing.png (no such file)",
    ]


def test_atlas_and_ledger_come_from_the_runs(site, runs):
    atlas = (site / "book" / "atlas.html").read_text(encoding="utf-8")
    assert atlas.count("<tr data-chapter=") == 446
    ledger = (site / "book" / "ledger.html").read_text(encoding="utf-8")
    for run in runs.values():
        for record in run.claims:
            assert f"{run.docname.split('/')[-1]}.html#{record['anchor']}" in ledger
    done = {r["key"] for run in runs.values() for r in run.claims if verdict(r) == "holds"}
    assert atlas.count('data-state="implemented"') == len(done)


def test_exercises_show_stub_and_folded_solution(site):
    page = (site / "chapters" / "kan.html").read_text(encoding="utf-8")
    assert "YOUR CODE HERE" in page
    assert page.count('<details class="solution">') == page.count("YOUR CODE HERE")


def test_print_shows_the_default_frames(out):
    """The LaTeX behind the PDF holds a picture of each figure, and no widget or markup."""
    command = [sys.executable, "-m", "book.build", str(out.parent), "latex"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    tex = "\n".join(p.read_text(encoding="utf-8") for p in (out / "latex").glob("*.tex"))
    assert tex.count("\\sphinxincludegraphics") >= 5
    assert "VBox(" not in tex and "explore-data" not in tex
