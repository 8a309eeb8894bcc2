"""Sliders: knobs, frames, the three lives, errors."""

import ast
import asyncio
import json
import math
import re
from concurrent.futures import ThreadPoolExecutor

import matplotlib.pyplot as plt
import pytest
import torch

from book import execute
from helpers import COLORS, chapters, explore, explorer, frames, knob, knobs, live
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
    def draw(a=1, b=0.5, c="x", d=True, e=3, f=False, g=7, h="p"):
        """Eight knobs."""

    given = {
        "a": (0, 2),
        "b": (0.0, 1.0, 0.5),
        "c": ["x", "y"],
        "d": True,
        "e": [3, 5],
        "f": [True, False],
        "g": (0, 7),
        "h": list("pqrst"),
    }
    found = {k.name: (k.kind, k.values, k.start) for k in knobs.read(draw, given)}
    assert found == {
        "a": ("segments", (0, 1, 2), 1),
        "b": ("segments", (0.0, 0.5, 1.0), 1),
        "c": ("segments", ("x", "y"), 0),
        "d": ("checkbox", (False, True), 1),
        "e": ("segments", (3, 5), 0),
        "f": ("checkbox", (False, True), 0),
        "g": ("range", tuple(range(8)), 7),
        "h": ("menu", tuple("pqrst"), 0),
    }


def test_live_widgets_are_of_the_same_kinds():
    def draw(a=0, b=0, c="p", d=False):
        """Four knobs."""

    long = "a label in many words, all of which must be readable"
    given = {"a": [0, 1], "b": knob((0, 9), long, symbol="β"), "c": list("pqrst"), "d": False}
    made = [k.widget() for k in knobs.read(draw, given)]
    kinds = [type(widget).__name__ for widget in made]
    assert kinds == ["ToggleButtons", "SelectionSlider", "Dropdown", "Checkbox"]
    assert made[1].description == f"{long} β"
    assert {widget.style.description_width for widget in made} == {"initial"}


def test_decimal_ranges_reach_their_end():
    found = Explorer(lambda_with_doc(), {"x": (0.0, 0.3, 0.1)}).knobs[0]
    assert found.values == (0.0, 0.1, 0.2, 0.3)
    assert found.labels == ["0", "0.1", "0.2", "0.3"]


@pytest.mark.parametrize(
    ("given", "labels"),
    [
        (knob([0.01, 1e-5, -3e-7], "rate"), ["0.01", "10⁻⁵", "−3×10⁻⁷"]),
        (knob([-3, 100000, 1234], "n"), ["−3", "100,000", "1234"]),
        (knob([1e5, 1e6, 12345.5], "n"), ["100,000", "10⁶", "12,345.5"]),
        (knob([0.05, 0.5], "share", fmt=".0%"), ["5\u00a0%", "50\u00a0%"]),
        (knob([1, 2], "crop", unit="px", fmt=".1f"), ["1.0\u00a0px", "2.0\u00a0px"]),
        (knob([0, 90], "angle", unit="°"), ["0°", "90°"]),
        (knob(["one-hot", "1e5"], "code"), ["one-hot", "1e5"]),
        (knob([False, True], "with a bias"), ["off", "on"]),
    ],
)
def test_values_read_well(given, labels):
    def draw(x=given.values[0]):
        """One knob."""

    (found,) = knobs.read(draw, {"x": given})
    assert found.labels == labels
    assert not any(re.search("[⁻−\u00a0]", address) for address in found.addresses)


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
    assert found.addresses[:2] == labels and len(set(found.labels)) == len(values)


def test_the_figure_starts_at_its_defaults():
    made = Explorer(curve, {"power": (1, 3), "colour": ["baseline", "method"]})
    page, start = made.record(), {"power": 2, "colour": "method"}
    assert page.split("</svg>")[0].endswith(made.frame(start).split("</svg>")[0])
    assert [told["start"] for told in payload(page)["knobs"]] == [1, 1]


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
        "knobs": {"power": ["0", "1", "2", "3", "4", "5"]},
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
    given = {"power": knob((1, 3), "power", symbol="p"), "colour": ["method", "baseline"]}
    page = Explorer(curve, {**given, "grid": knob(False, "grid lines")}).record()
    assert 'aria-label="A power of x. Shown: power p 2, colour method, grid lines off."' in page
    before_data = page.split('class="explore-data"')[0]
    assert before_data.count("<svg") == 1 and "<figcaption>A power of x.</figcaption>" in page
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)


def test_a_frame_says_how_to_read_its_axes():
    def draw():
        """Axes of four kinds."""
        _, axes = plt.subplots(1, 4)
        axes[0].set(xlim=(1, 3), yscale="log", ylim=(1e-3, 10))
        axes[1].bar(["a", "b"], [0, 2])
        axes[2].set_axis_off()
        axes[3].set(xticks=[], yscale="symlog")

    markup = frames.svg(frames.figure_of(draw))
    first, second, third, fourth = json.loads(re.search('data-axes="(.*?)"', markup)[1])
    left, right, bottom, top = first[0]
    assert 0 < left < right < 374.4 / 3 and 216 > bottom > top > 0
    assert first[1:] == [[1, 3, 0], [-3, 1, 1]]
    assert second[1:] == [[], [0, 2.1, 0]]
    assert third[1:] == fourth[1:] == [[], []]


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


def live_figure(monkeypatch):
    """A figure of two knobs on a live kernel; the settings that it draws, one by one."""
    monkeypatch.delenv("BOOK_RECORD", raising=False)
    drawn = []

    def counted(power=2, colour="red"):
        """Counts its drawings."""
        drawn.append((power, colour))
        curve(power)

    explore(power=(1, 9), colour=["red", "blue"])(counted)
    return counted.explorer, drawn


def on_its_own_loop(coroutine) -> None:
    """Run it in a thread: a browser test before may have left a loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, coroutine).result()


def test_the_nearest_settings_are_drawn_while_the_kernel_idles(shown, monkeypatch):
    """So that the next step of a slider shows a frame that is there."""

    async def kernel():
        live, drawn = live_figure(monkeypatch)
        await live._task
        near = drawn[1:]
        assert set(near[:3]) == {(1, "red"), (3, "red"), (2, "blue")} and len(near) == 5
        live.controls["power"].value = 8
        before = live._task
        live.controls["power"].value = 3
        with pytest.raises(asyncio.CancelledError):
            await before
        await live._task
        assert len(drawn) == len(set(drawn)) and (9, "red") not in drawn
        assert {(4, "red"), (2, "red"), (3, "blue"), (5, "red")} <= set(drawn)

    on_its_own_loop(kernel())


def test_a_live_figure_s_next_settings_are_drawn_ahead_too(shown, monkeypatch):
    monkeypatch.delenv("BOOK_RECORD", raising=False)

    async def kernel():
        @live(height=knob((0.0, 1.0), "height"), width=knob((0.0, 1.0), "width"))
        def line(height=0.5, width=0.5):
            """A line."""
            _, ax = plt.subplots()
            ax.plot([0, 1], torch.stack([height, width]))
            ax.set(xlim=(0, 1), ylim=(0, 1))

        figure = line.live
        await figure._task
        before = len(figure._drawn)
        figure.controls["height"].value = figure.knobs[0].values[figure.knobs[0].start + 1]
        assert len(figure._drawn) == before > 9

    on_its_own_loop(kernel())


@pytest.mark.parametrize(("slow", "follows"), [(1e9, True), (0.0, False)])
def test_a_slider_follows_a_drag_where_frames_come_fast(shown, monkeypatch, slow, follows):
    """The first frame, which loads fonts and tries formats, does not decide it."""
    monkeypatch.setattr(explorer, "SLOW", slow)
    live, _ = live_figure(monkeypatch)
    assert live.controls["power"].continuous_update
    live.controls["power"].value = 3
    assert live.controls["power"].continuous_update == follows


def test_a_plain_figure_needs_no_knobs(shown):
    explore()(curve)
    bundle, metadata = shown[0]
    assert "<figcaption>A power of x.</figcaption>" in bundle["text/html"]
    assert "explore-data" not in bundle["text/html"]
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
        (curve, {"power": knob([2, 2.4], "p", fmt=".0f")}, ValueError, "'.0f' labels are equal"),
        (
            curve,
            {"power": knob((1, 4), "p", plays=True), "grid": knob(False, "g", plays=True)},
            ValueError,
            "curve plays power and grid; one knob can play",
        ),
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


def bare_knobs(page) -> list[str]:
    """The knobs of a page's figures that have no label."""
    trees = (chapters.parsed(source, page, line) for line, source in chapters.code_cells(page))
    functions = [n for tree in trees for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    calls = [call for function in functions for call in function.decorator_list]
    return [
        f"line {given.value.lineno}: {given.arg}"
        for call in calls
        if ast.unparse(call).startswith("explore(")
        for given in call.keywords
        if not ast.unparse(given.value).startswith("knob(")
    ]


@pytest.mark.parametrize("page", execute.notebooks(), ids=execute.name)
def test_every_knob_has_a_label(page):
    bare = bare_knobs(page)
    assert not bare, f"{execute.name(page)}.md: give these a knob(values, label): {bare}"


def test_a_bare_knob_is_found(tmp_path):
    page = tmp_path / "page.md"
    cell = "@explore(a=(1, 2), b=knob([1, 2], 'b'))\ndef draw(a=1, b=1):\n    'A figure.'"
    page.write_text(f"```{{code-cell}} ipython3\n{cell}\n```\n")
    assert bare_knobs(page) == ["line 2: a"]
