"""The book on paper: what its LaTeX holds, and whether TeX makes a PDF of it."""

import re
import subprocess
import sys

import pytest

from book import build, execute, pdf
from tests.conftest import ROOT

sys.path.insert(0, str(ROOT / "book" / "_ext"))

import printed

# A directive, a role, a label or a widget that nobody turned into print.
RAW = re.compile(
    r"\\\{(?:set|eq|cite|ref|doc|prf:\w+|code-cell|exercise|admonition|dropdown)\\\}"
    r"|:::|^:(?:label|class|tags): |VBox\(|explore-data|<figure",
    re.MULTILINE,
)


@pytest.fixture(scope="module")
def folder(out):
    """The LaTeX sources of the whole book."""
    command = [sys.executable, "-m", "book.build", str(out.parent), "latex"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    return out / "latex"


@pytest.mark.whole
def test_print_has_every_figure_and_claim_and_nothing_raw(folder, runs):
    tex = (folder / f"{pdf.WHOLE}.tex").read_text(encoding="utf-8")
    pictures = re.findall(r"\\sphinxincludegraphics(?:\[[^]]*\])?\{+([^}]+)", tex)
    assert len(pictures) >= sum(len(run.figures) for run in runs.values())
    assert tex.count("Claim: ") == sum(len(run.claims) for run in runs.values())
    assert tex.count("Worked solution:") == tex.count("BEGIN SOLUTION") > 50
    assert RAW.findall(tex) == []
    for page in execute.notebooks():
        assert f"chapters/{execute.name(page)}::doc" in tex


@pytest.mark.whole
@pytest.mark.skipif(bool(pdf.missing()), reason=f"TeX lacks {pdf.missing()}")
def test_tex_makes_a_pdf(folder):
    assert pdf.typeset(folder, pdf.WHOLE)
    log = (folder / f"{pdf.WHOLE}.log").read_text(encoding="utf-8", errors="replace")
    assert "undefined references" not in log
    assert (folder / f"{pdf.WHOLE}.pdf").stat().st_size > 1e6


@pytest.mark.parametrize("text", [r"see \{eq\}`kan-layer`", ":::", ":label: x", "VBox(children"])
def test_what_is_raw_is_found(text):
    assert RAW.search(text)


def test_a_family_is_a_document():
    assert pdf.families(["kan/bases", "ntk", "kan"]) == ["kan", "ntk"]
    assert build.first("latex", ["kan/bases"]) == "kan.tex"
    assert build.first("latex", []) == "runnable-papers.tex"


def test_without_tex_one_sentence_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(pdf.shutil, "which", lambda name: None)
    assert not pdf.install()
    said = capsys.readouterr().err
    assert said.startswith("TeX is incomplete (latexmk, xelatex); install it: apt-get install")
    assert said.count("\n") == 1 and "texlive-xetex" in said


def test_tex_that_fails_is_one_sentence(tmp_path, monkeypatch, capsys):
    (tmp_path / "kan.log").write_text("much\n! Undefined control sequence.\n", encoding="utf-8")
    failed = subprocess.CompletedProcess([], 12, "", "")
    monkeypatch.setattr(pdf.subprocess, "run", lambda *_, **__: failed)
    assert not pdf.typeset(tmp_path, "kan")
    assert "TeX failed: ! Undefined control sequence.; more in" in capsys.readouterr().err


def test_a_claim_is_a_box_of_facts():
    markup = (
        '<div class="claim claim-holds"><p><strong class="claim-verdict">holds</strong> It does.'
        "</p><dl><dt>Bar</dt><dd>at most 1</dd></dl></div>"
    )
    (box,) = printed._boxes(markup)
    assert box.astext().split("\n\n") == ["Claim: holds", "It does.", "Bar: at most 1"]
