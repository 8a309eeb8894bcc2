"""Claims: bars, verdicts, records, errors."""

import math

import pytest
import torch

from helpers import ClaimFailed, claim, claims


@pytest.fixture
def shown(monkeypatch):
    """The display calls of a test, as (bundle, metadata)."""
    calls = []
    monkeypatch.setattr(claims, "display", lambda b, metadata, raw: calls.append((b, metadata)))
    return calls


@pytest.mark.parametrize(
    "bar", [{"at_most": 1.0}, {"at_least": 0.1}, {"between": (0.1, 1.0)}, {"at_most": 0.5}]
)
def test_a_claim_that_holds_is_recorded(shown, bar):
    claim("kan", "Half is enough.", measured=torch.tensor(0.5), **bar)
    bundle, metadata = shown[0]
    record = metadata[claims.METADATA]
    assert record["holds"] and record["measured"] == 0.5 and record["key"] == "kan"
    assert claims.verdict(record) == "holds"
    assert record["anchor"] in bundle["text/html"] and "0.5" in bundle["text/plain"]


@pytest.mark.parametrize("bar", [{"at_most": 0.1}, {"at_least": 1.0}, {"between": (0.6, 1.0)}])
def test_a_missed_bar_shows_its_box_and_raises(shown, bar):
    with pytest.raises(ClaimFailed, match=r"measured 0\.5, bar .*does not hold"):
        claim("kan", "Half is enough.", measured=0.5, **bar)
    assert "claim-fails" in shown[0][0]["text/html"]


def test_a_claim_reported_as_not_reproduced(shown):
    claim("kan", "It is large.", measured=0.5, at_least=1, reproduces=False, because="toy scale")
    bundle, metadata = shown[0]
    assert claims.verdict(metadata[claims.METADATA]) == "not reproduced"
    assert "toy scale" in bundle["text/html"]


def test_a_not_reproduced_claim_that_holds_raises(shown):
    with pytest.raises(ClaimFailed, match="holds after all"):
        claim("kan", "It is large.", measured=2, at_least=1, reproduces=False, because="toy scale")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"measured": 1.0}, ValueError, "exactly one bar: at_least=, at_most= or between="),
        ({"measured": 1.0, "at_least": 0, "at_most": 2}, ValueError, "exactly one bar"),
        ({"measured": math.nan, "at_most": 1}, ValueError, "measured is nan"),
        ({"measured": math.inf, "at_least": 1}, ValueError, "finite"),
        ({"measured": "much", "at_least": 1}, ValueError, "must be one number"),
        ({"measured": torch.ones(2), "at_least": 1}, ValueError, "must be one number"),
        ({"measured": 1.0, "between": (2, 1)}, ValueError, "smaller number comes first"),
        (
            {"measured": 1.0, "at_least": 2, "reproduces": False},
            ValueError,
            "because=.* goes with reproduces=False",
        ),
        (
            {"measured": 1.0, "at_least": 0, "because": "x"},
            ValueError,
            "goes with reproduces=False",
        ),
    ],
)
def test_bad_input_is_named(shown, arguments, error, message):
    with pytest.raises(error, match=message):
        claim("kan", "A claim.", **arguments)
    assert not shown


def test_an_unknown_paper_is_named(shown):
    with pytest.raises(KeyError, match="no paper has the key 'kann'.*did you mean 'kan'"):
        claim("kann", "A claim.", measured=1, at_least=0)


def test_text_is_escaped(shown):
    claim("kan", "a < b & c", measured=1, at_least=0)
    assert "a &lt; b &amp; c" in shown[0][0]["text/html"]
