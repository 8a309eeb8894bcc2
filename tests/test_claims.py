"""Claims: bars, verdicts, records, errors."""

import math

import pytest
import torch

from helpers import ClaimFailed, claim, claims, rival


@pytest.fixture
def shown(monkeypatch):
    """The display calls of a test, as (bundle, metadata)."""
    calls = []
    monkeypatch.setattr(claims, "display", lambda b, metadata, raw: calls.append((b, metadata)))
    return calls


CONTROL = ("a coin", 100.0)


@pytest.mark.parametrize(
    "bar", [{"at_most": 1.0}, {"at_most": 0.5}, {"between": (0.1, 1.0)}, {"between": (0.5, 0.5)}]
)
def test_a_claim_that_holds_is_recorded(shown, bar):
    claim("kan", "Half is enough.", measured=torch.tensor(0.5), control=CONTROL, **bar)
    bundle, metadata = shown[0]
    record = metadata[claims.METADATA]
    assert record["holds"] and record["measured"] == 0.5 and record["key"] == "kan"
    assert record["controls"] == [CONTROL] and record["asks"] == "paper" and record["seed"] == 0
    assert claims.verdict(record) == "holds"
    box = bundle["text/html"]
    assert record["anchor"] in box and "a coin: 100" in box and "arxiv.org/abs/2404.19756" in box
    assert claims.bar_text(record).split()[1] in bundle["text/plain"]


def test_the_record_names_the_seed(shown, monkeypatch):
    monkeypatch.setenv("BOOK_SEED", "7")
    claim("kan", "Half is enough.", measured=0.5, at_most=1, control=CONTROL)
    assert shown[0][1][claims.METADATA]["seed"] == 7


@pytest.mark.parametrize(
    ("bar", "words"),
    [
        ({"at_least": 1.0}, "at least 1"),
        ({"at_most": 2.5}, "at most 2.5"),
        ({"between": (1, 2)}, "between 1 and 2"),
    ],
)
def test_a_bar_in_words(shown, bar, words):
    claim(
        "kan", "Enough.", measured=1.5, control=("a coin", -1000 if "at_least" in bar else 9), **bar
    )
    assert claims.bar_text(shown[0][1][claims.METADATA]) == words


@pytest.mark.parametrize("bar", [{"at_most": 0.1}, {"at_least": 1.0}, {"between": (0.6, 1.0)}])
def test_a_missed_bar_shows_its_box_and_raises(shown, bar):
    with pytest.raises(ClaimFailed, match=r"measured 0\.5, bar .*does not hold"):
        claim("kan", "Half is enough.", measured=0.5, control=CONTROL, **bar)
    assert "claim-fails" in shown[0][0]["text/html"]


@pytest.mark.parametrize(
    "bar", [{"at_most": 0.5 - 1e-12}, {"at_least": 0.5 + 1e-12}, {"between": (0.2, 0.5 - 1e-12)}]
)
def test_a_bar_has_no_slack(shown, bar):
    control = ("a coin", 0.0 if "at_least" in bar else 100.0)
    with pytest.raises(ClaimFailed, match="does not hold"):
        claim("kan", "Half is enough.", measured=0.5, control=control, **bar)


@pytest.mark.parametrize("control", [("a coin", 0.9), [("a die", 9.0), ("a coin", 1.0)]])
def test_a_control_that_passes_shows_nothing(shown, control):
    with pytest.raises(ClaimFailed, match="the control passes as well.*a coin"):
        claim("kan", "Half is enough.", measured=0.5, at_most=1, control=control)
    assert "claim-fails" in shown[0][0]["text/html"]


def test_a_crippled_rival_is_refused(shown):
    weak = rival("a network's accuracy", measured=0.5, at_least=0.9)
    good = rival("a forest's error", measured=0.05, at_most=0.1)
    claim("kan", "Half is enough.", measured=0.5, at_most=1, control=CONTROL, rival=good)
    assert "a forest&#x27;s error: 0.05, at most 0.1" in shown[0][0]["text/html"]
    with pytest.raises(ClaimFailed, match="the rival is not at its best: a network's accuracy 0.5"):
        claim(
            "kan", "Half is enough.", measured=0.5, at_most=1, control=CONTROL, rival=[good, weak]
        )


def test_a_claim_may_wait_for_its_control(shown):
    claim("kan", "Half is enough.", measured=0.5, at_most=1, control=None)
    assert claims.verdict(shown[0][1][claims.METADATA]) == "no control yet"
    assert "claim-no-control-yet" in shown[0][0]["text/html"]


def test_a_question_of_ours_is_called_ours(shown):
    claim("kan", "Half is enough.", measured=0.5, at_most=1, control=CONTROL, asks="ours")
    assert "a question of ours" in shown[0][0]["text/html"]


@pytest.mark.parametrize(
    ("measured", "bar", "words"),
    [
        (0.054, {"at_most": 0.1}, "46% below the bar"),
        (0.12, {"at_least": 0.1}, "20% above the bar"),
        (1e-4, {"at_most": 0.01}, "100 times below the bar"),
        (-0.5, {"at_most": -0.4}, "25% below the bar"),
        (0.2, {"at_least": 0}, "0.2 above the bar"),
        (1, {"at_most": 1}, "on the bar"),
        (0.25, {"between": (0, 1)}, "25% of the range inside its edge"),
    ],
)
def test_the_distance_from_the_bar_in_words(shown, measured, bar, words):
    control = ("a coin", -100.0 if "at_least" in bar else 100.0)
    claim("kan", "A claim.", measured=measured, control=control, **bar)
    assert words in shown[0][0]["text/html"]


def test_a_claim_reported_as_not_reproduced(shown):
    claim("kan", "It is large.", measured=0.5, at_least=1, reproduces=False, because="toy scale")
    bundle, metadata = shown[0]
    assert claims.verdict(metadata[claims.METADATA]) == "not reproduced"
    assert "toy scale" in bundle["text/html"]


def test_a_not_reproduced_claim_that_holds_raises(shown):
    with pytest.raises(ClaimFailed, match="holds after all"):
        claim("kan", "It is large.", measured=2, at_least=1, reproduces=False, because="toy scale")


GOOD = {"measured": 1.0, "at_least": 0.5, "control": ("nothing", 0.0)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"at_least": None}, "exactly one bar: at_least=, at_most= or between="),
        ({"at_most": 2}, "exactly one bar"),
        ({"at_least": math.nan}, "the bar is nan"),
        ({"measured": math.nan}, "measured is nan"),
        ({"measured": math.inf}, "finite"),
        ({"measured": "much"}, "must be one number"),
        ({"measured": torch.ones(2)}, "must be one number"),
        ({"at_least": None, "between": (2, 1)}, "the smaller comes first"),
        (
            {"at_least": 2, "reproduces": False, "control": ()},
            "because=.* goes with reproduces=False",
        ),
        ({"because": "x"}, "goes with reproduces=False"),
        ({"control": ()}, "control=.* is missing"),
        (
            {"at_least": 2, "reproduces": False, "because": "x"},
            "a control goes with a claim that holds",
        ),
        ({"control": ("nothing", math.nan)}, "the control 'nothing' is nan"),
        ({"control": [0.0]}, "control is .'name', value. or a list"),
        ({"asks": "nobody"}, "it is 'paper' or 'ours'"),
    ],
)
def test_bad_input_is_named(shown, arguments, message):
    with pytest.raises(ValueError, match=message):
        claim("kan", "A claim.", **(GOOD | arguments))
    assert not shown


def test_a_rival_needs_a_floor():
    with pytest.raises(ValueError, match=r"rival\('a network'\): give exactly one bar"):
        rival("a network", measured=1.0)


def test_an_unknown_paper_is_named(shown):
    with pytest.raises(KeyError, match="no paper has the key 'kann'.*did you mean 'kan'"):
        claim("kann", "A claim.", **GOOD)


def test_text_is_escaped(shown):
    claim("kan", "a < b & c", **(GOOD | {"control": ("<b>", 0.0)}))
    assert "a &lt; b &amp; c" in shown[0][0]["text/html"]
    assert "&lt;b&gt;: 0" in shown[0][0]["text/html"]
