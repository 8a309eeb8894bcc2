"""Seeds, device, atlas."""

import pytest
import torch

import helpers
from helpers import device, paper, recording, seeded


def test_a_stream_repeats_and_streams_differ():
    first, again, other = seeded(1), seeded(1), seeded(2)
    assert first.numpy.random(3).tolist() == again.numpy.random(3).tolist()
    draws = [torch.rand(3, generator=s.torch) for s in (first, other)]
    assert not torch.equal(*draws)


def test_global_generator_is_seeded_so_modules_repeat():
    seeded(5)
    weights = torch.nn.Linear(3, 2).weight
    seeded(5)
    assert torch.equal(weights, torch.nn.Linear(3, 2).weight)


def test_book_seed_changes_every_stream(monkeypatch):
    monkeypatch.setenv("BOOK_SEED", "0")
    before = seeded(1).numpy.random()
    monkeypatch.setenv("BOOK_SEED", "7")
    assert seeded(1).numpy.random() != before


@pytest.mark.parametrize("text", ["seven", "-1", "1.5"])
def test_a_book_seed_that_is_no_whole_number_is_named(monkeypatch, text):
    monkeypatch.setenv("BOOK_SEED", text)
    with pytest.raises(ValueError, match=r"BOOK_SEED must be a whole number.*" + text):
        seeded()


def test_a_negative_stream_is_refused():
    with pytest.raises(ValueError, match="stream=-1"):
        seeded(-1)


def test_device_follows_the_environment(monkeypatch):
    monkeypatch.setenv("BOOK_DEVICE", "meta")
    assert device() == torch.device("meta")


def test_one_thread():
    assert torch.get_num_threads() == 1


def test_recording_follows_the_environment(monkeypatch):
    monkeypatch.setenv("BOOK_RECORD", "1")
    assert recording()
    monkeypatch.delenv("BOOK_RECORD")
    assert not recording()


def test_paper_names_the_nearest_key():
    assert paper("kan")["title"].startswith("KAN")
    with pytest.raises(KeyError, match="did you mean 'matrixkan'"):
        paper("matrix_kan")


def test_the_atlas_is_sound():
    path = helpers.atlas.REPOSITORY / "book" / "atlas.yml"
    rows = helpers.atlas.papers()
    assert len(rows) == path.read_text(encoding="utf-8").count("key: "), "a key stands twice"
    for key, row in rows.items():
        assert {"key", "title", "chapter", "tier"} <= set(row) and row["tier"] in "ABC", key
        assert not row.get("verified") or {"arxiv", "year"} <= set(row), key


def test_helpers_stay_readable_in_one_sitting():
    files = sorted((helpers.atlas.REPOSITORY / "helpers").glob("*.py"))
    lengths = {file.name: len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    assert sum(lengths.values()) <= 1200, lengths
    assert max(lengths.values()) <= 250, lengths
