"""Sliders: knobs, frames, the three lives, errors."""

import json
import math
import re

import ipywidgets
import matplotlib.pyplot as plt
import pytest

from helpers import COLORS, explore, explorer, frames, knobs
from helpers.explorer import Explorer


def curve(power=2, colour="method", grid=False):
    """A power of x."""
    _, ax = plt.subplots()
    ax.plot([0, 1, 2], [0, 1, 2**power], color=COLORS[colour])
    ax.grid(grid)


def payload(page: str) -> dict:
    """The data of a recorded page."""
    return json.loads(re.search(r'class="explore-data">(.*?)</script>', page)[1])


def frame(data: dict, setting: int) -> str:
    """What `explore.js` shows at a setting."""
    return "\n".join(data["lines"][i] for i in data["frames"][data["index"][setting]])


@pytest.fixture
def shown(monkeypatch):
    calls = []
    monkeypatch.setattr(
        explorer, "display", lambda b, metadata=None, raw=False: calls.append((b, metadata))
    )
    return calls


def test_abbreviations_of_interact():
    def draw(a=1, b=0.5, c="x", d=True, e=3, f=2):
        """Six knobs."""

    given = {
        "a": (0, 2),
        "b": (0.0, 1.0, 0.5),
        "c": ["x", "y"],
        "d": True,
        "e": [3, 5],
        "f": ipywidgets.IntSlider(min=2, max=3),
    }
    found = {k.name: (k.kind, k.values, k.start) for k in knobs.read(draw, given)}
    assert found == {
        "a": ("range", (0, 1, 2), 1),
        "b": ("range", (0.0, 0.5, 1.0), 1),
        "c": ("select", ("x", "y"), 0),
        "d": ("checkbox", (False, True), 1),
        "e": ("range", (3, 5), 0),
        "f": ("range", (2, 3), 0),
    }


def test_decimal_ranges_reach_their_end():
    found = Explorer(lambda_with_doc(), {"x": (0.0, 0.3, 0.1)}).knobs[0]
    assert found.values == (0.0, 0.1, 0.2, 0.3)
    assert found.labels == ["0", "0.1", "0.2", "0.3"]


@pytest.mark.parametrize(
    ("spec", "values", "labels"),
    [
        ((1e-11, 5e-11, 1e-11), (1e-11, 2e-11, 3e-11, 4e-11, 5e-11), ["1e-11", "2e-11"]),
        ((1000001.0, 1000003.0, 1.0), (1000001.0, 1000002.0, 1000003.0), ["1000001", "1000002"]),
        ((1e12, 1.000002e12, 1e6), (1e12, 1.000001e12, 1.000002e12), ["1e+12", "1.000001e+12"]),
        ((-0.3, 0.0, 0.1), (-0.3, -0.2, -0.1, 0.0), ["-0.3", "-0.2"]),
        ([0.1, 0.1 + 1e-9], (0.1, 0.1 + 1e-9), ["0.1", "0.100000001"]),
    ],
)
def test_tiny_and_large_steps(spec, values, labels):
    def draw(x=spec[0]):
        """One knob."""

    (found,) = knobs.read(draw, {"x": spec})
    assert found.values == pytest.approx(values, rel=1e-11) and len(found.values) == len(values)
    assert found.labels[:2] == labels and len(set(found.labels)) == len(values)


def test_the_figure_starts_at_its_defaults():
    made = Explorer(curve, {"power": (1, 3), "colour": ["baseline", "method"]})
    page, start = made.record(), {"power": 2, "colour": "method"}
    assert page.split("</svg>")[0].endswith(made.frame(start).split("</svg>")[0])
    assert 'max="2" step="1" value="1"' in page and "<option selected>method" in page


def lambda_with_doc():
    def draw(x=0.0):
        """One knob."""

    return draw


def test_a_page_holds_every_setting_and_equal_frames_once():
    def half(power=2):
        """Rounds its knob."""
        curve(power // 2)

    made = Explorer(half, {"power": (0, 5)})
    page = made.record()
    data = payload(page)
    assert len(data["index"]) == 6 and len(data["frames"]) == 3
    assert data["index"] == [0, 0, 1, 1, 2, 2]
    assert made.summary == {
        "name": "half",
        "settings": 6,
        "frames": 3,
        "format": "svg",
        "bytes": made.summary["bytes"],
        "errors": [],
    }
    for setting in range(6):
        assert frame(data, setting) == made.frame({"power": setting})


def test_the_last_knob_moves_fastest():
    made = Explorer(curve, {"power": (1, 3), "colour": ["method", "baseline"], "grid": False})
    assert made.settings[1] == {"power": 1, "colour": "method", "grid": True}
    assert made.settings[-1] == {"power": 3, "colour": "baseline", "grid": True}
    data = payload(made.record())
    assert COLORS["baseline"].lower() in frame(data, 3).lower()


def test_the_page_is_accessible_and_stands_without_javascript():
    page = Explorer(
        curve, {"power": (1, 3), "colour": ["method", "baseline"], "grid": False}
    ).record()
    assert 'aria-label="A power of x. Shown: power 2, colour method, grid False."' in page
    for knob in ("power", "colour", "grid"):
        assert f'<label for="curve-{knob}">{knob}</label>' in page
    before_data = page.split('class="explore-data"')[0]
    assert before_data.count("<svg") == 1 and '<div class="explore-controls" hidden>' in page
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)


def test_figures_take_the_colour_of_the_page():
    markup = frames.svg(frames.figure_of(curve))
    assert "currentColor" in markup and "<style" not in markup and "<metadata" not in markup
    assert not re.search(r"\d\.\d{4,}", re.sub(r">[^<]*<", "", markup))


def test_images_become_quantised_pictures():
    def noise():
        """An image."""
        import numpy as np

        _, ax = plt.subplots()
        ax.pcolormesh(np.random.default_rng(0).random((60, 60)))

    figure = frames.figure_of(noise)
    kind = frames.best_format(figure)
    assert kind in ("png", "webp")
    assert frames.weight(frames.RENDERERS[kind](figure)) < frames.weight(frames.svg(figure))


def test_a_failing_setting_shows_its_message_and_leaves_the_others():
    def fragile(power=1):
        """Fails at three."""
        if power == 3:
            raise ValueError("three <is> too much")
        curve(power)

    made = Explorer(fragile, {"power": (1, 4)})
    data = payload(made.record())
    assert made.summary["errors"] == ["fragile(power=3): ValueError: three <is> too much"]
    assert "three &lt;is&gt; too much" in frame(data, 2)
    assert frame(data, 3).startswith("<svg")


def test_the_static_life(shown, monkeypatch):
    monkeypatch.setenv("BOOK_RECORD", "1")
    explore(power=(1, 3))(curve)
    bundle, metadata = shown[0]
    assert {"text/html", "image/png", "text/plain"} == set(bundle)
    assert metadata[explorer.METADATA]["settings"] == 3


def test_the_live_life_remembers_what_it_drew(shown, monkeypatch):
    monkeypatch.delenv("BOOK_RECORD", raising=False)
    drawn = []

    def counted(power=2):
        """Counts its drawings."""
        drawn.append(power)
        curve(power)

    explore(power=(1, 3))(counted)
    bundle, _ = shown[0]
    assert "application/vnd.jupyter.widget-view+json" in bundle and "image/png" in bundle
    live = counted.explorer
    drawn.clear()
    first = live.picture.value
    live.controls["power"].value = 3
    assert live.picture.value != first and drawn == [3]
    live.controls["power"].value = 2
    live.controls["power"].value = 3
    assert drawn == [3]


def test_a_plain_figure_needs_no_knobs(shown):
    explore()(curve)
    bundle, metadata = shown[0]
    assert "<figcaption>A power of x.</figcaption>" in bundle["text/html"]
    assert "explore-controls" not in bundle["text/html"]
    assert metadata[explorer.METADATA]["settings"] == 1


def test_live_errors_are_raised(shown, monkeypatch):
    monkeypatch.delenv("BOOK_RECORD", raising=False)

    def broken(power=1):
        """Always fails."""
        raise ZeroDivisionError("by zero")

    with pytest.raises(RuntimeError, match=r"broken\(power=1\): ZeroDivisionError: by zero"):
        explore(power=(1, 2))(broken)


def two_figures(power=1):
    """Draws two figures."""
    plt.figure()
    plt.figure()


def undocumented(power=1):
    plt.figure()


@pytest.mark.parametrize(
    ("draw", "knobs", "error", "message"),
    [
        (curve, {"pover": (1, 3)}, TypeError, r"'pover' is no argument of curve\(power, colour"),
        (lambda x: None, {}, ValueError, "needs a docstring"),
        (undocumented, {"power": (1, 2)}, ValueError, "undocumented needs a docstring"),
        (curve, {"power": (3, 1)}, ValueError, "knob 'power' of curve is empty"),
        (curve, {"power": []}, ValueError, "is empty"),
        (curve, {"power": (0, 1, 0)}, ValueError, "step > 0"),
        (curve, {"power": (5, 9)}, ValueError, r"default 2 is none of its values \(5, 6"),
        (curve, {"power": "abc"}, ValueError, "'abc' is no knob"),
        (curve, {"power": (0.0, math.inf, 1.0)}, ValueError, "is empty"),
        (curve, {"power": (math.nan, 1.0)}, ValueError, "is empty"),
        (curve, {"power": (0.0, 1.0, 1e-300)}, ValueError, "has over 10000 values"),
        (curve, {"power": [2, 2]}, ValueError, "equal values.*cannot be told apart"),
        (curve, {"power": (2.0, 2.0 + 1e-13, 1e-14)}, ValueError, "cannot be told apart"),
        (
            curve,
            {"power": (1, 50), "grid": False},
            ValueError,
            "100 settings.*budget is 96.*coarsen 'power', which has 50 values",
        ),
    ],
)
def test_bad_input_is_named(draw, knobs, error, message):
    with pytest.raises(error, match=message):
        Explorer(draw, knobs)


def test_an_argument_without_knob_or_default_is_named():
    def draw(a, b=1):
        """Two arguments."""

    with pytest.raises(TypeError, match="draw's argument 'a' has no knob and no default"):
        Explorer(draw, {"b": (1, 2)})


def test_drawing_two_figures_is_an_error():
    with pytest.raises(ValueError, match="must draw one figure for a slider; it drew 2"):
        frames.figure_of(two_figures)
    assert not plt.get_fignums()
