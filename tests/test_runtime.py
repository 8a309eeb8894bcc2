"""Seeds, atlas."""

import numpy as np
import pytest
import torch

import helpers
from helpers import paper, recording, seeded


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


def streams(number: int) -> list[torch.Tensor]:
    """A thousand normal numbers of each of the three streams."""
    rng = seeded(number)
    ours, everywhere = torch.randn(1000, generator=rng.torch), torch.randn(1000)
    return [ours.double(), everywhere.double(), torch.tensor(rng.numpy.standard_normal(1000))]


def test_the_three_streams_are_independent():
    every = torch.stack(streams(1) + streams(2))
    off_diagonal = torch.corrcoef(every) - torch.eye(6)
    assert off_diagonal.abs().max() < 0.15


def test_book_seed_changes_every_stream(monkeypatch):
    monkeypatch.setenv("BOOK_SEED", "0")
    before = streams(1)
    monkeypatch.setenv("BOOK_SEED", "7")
    assert not any(torch.equal(a, b) for a, b in zip(before, streams(1)))


@pytest.mark.parametrize("text", ["seven", "-1", "1.5"])
def test_a_book_seed_that_is_no_whole_number_is_named(monkeypatch, text):
    monkeypatch.setenv("BOOK_SEED", text)
    with pytest.raises(ValueError, match=r"BOOK_SEED must be a whole number.*" + text):
        seeded()


def test_a_stream_may_be_a_number_of_numpy():
    assert seeded(np.int64(3)).numpy.random() == seeded(3).numpy.random()


@pytest.mark.parametrize("stream", [-1, 1.5])
def test_a_stream_is_a_whole_number(stream):
    with pytest.raises(ValueError, match=f"stream={stream}"):
        seeded(stream)


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


@pytest.mark.parametrize(("folder", "limit"), [("helpers", 1260), ("helpers/live", 1800)])
def test_helpers_stay_readable(folder, limit):
    files = sorted((helpers.atlas.REPOSITORY / folder).glob("*.py"))
    lengths = {file.name: len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    assert sum(lengths.values()) <= limit, lengths
    assert max(lengths.values()) <= 250, lengths
