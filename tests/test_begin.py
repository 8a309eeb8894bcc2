"""The template page: begun, paired and measured, it passes the tests as it is."""

import os
import shutil
import subprocess
import sys

import pytest

from book import begin
from tests.conftest import ROOT
from tests.mutants import COPIED

NAME = "activations/curves"
TESTS = ("form", "exercises", "hidden", "pairs", "evidence")
TOC = "chapters:\n      - file: chapters/a\n        sections:\n          - file: chapters/a/b\n"


def run(folder, *command: str) -> str:
    environment = os.environ | {"PAGES": NAME, "BOOK_SEED": "0", "OMP_NUM_THREADS": "1"}
    environment.pop("SHARD", None)
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_begun_page_passes_the_tests_as_it_is(tmp_path):
    for name in COPIED:
        source, target = ROOT / name, tmp_path / name
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    run(tmp_path, "book.begin", NAME, "gelu")
    run(tmp_path, "book.pairs")
    run(tmp_path, "book.seeds", "0-19", NAME)
    tests = [f"tests/test_{name}.py" for name in TESTS]
    assert " passed" in run(tmp_path, "pytest", "-p", "no:cacheprovider", *tests)


@pytest.mark.parametrize(
    ("toc", "name", "line"),
    [
        (TOC, "a/c", "          - file: chapters/a/c"),
        (TOC, "b/c", "      - file: chapters/b/c"),
        (
            TOC.split("        sections")[0],
            "a/c",
            "        sections:\n          - file: chapters/a/c",
        ),
    ],
)
def test_a_page_is_listed_with_its_family(toc, name, line):
    assert begin.listed(toc + "  - caption: End\n", name) == f"{toc}{line}\n  - caption: End\n"


@pytest.mark.parametrize(
    ("name", "key", "said"),
    [
        ("curves", "gelu", "NAME is family/topic"),
        ("kan/bases", "gelu", "chapters/kan/bases.md is there already"),
        ("kan/x", "gelo", "did you mean 'gelu'"),
    ],
)
def test_a_wrong_request_is_one_sentence(monkeypatch, name, key, said):
    monkeypatch.setattr(sys, "argv", ["begin", name, key])
    with pytest.raises(SystemExit, match=said):
        begin.main()
