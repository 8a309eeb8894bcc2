"""Live figures: programs against torch, an author's mistakes, and figures under a reader's hand."""

import contextlib
import gzip
import itertools
import math
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from book import execute
from helpers import explorer, knob
from helpers.live import checks
from helpers.live.checks import LiveError
from helpers.live.figure import LiveFigure
from helpers.live.lower import lower
from helpers.live.program import Unsupported
from helpers.live.record import Recording
from helpers.live.trace import trace
from tests import live_operations as ops
from tests import toy_site
from tests.conftest import ROOT, serve
from tests.live_page import apart, differ, drawn, limit, run, unpacked
from tests.visit import PHONE, Visit

D = torch.float64
GZIPPED, SHARED = 50_000, 40_000


# ---- programs against torch ---------------------------------------------------------------------


def tensors(found: object) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(found) if isinstance(leaf, Tensor)]


def normal(count: int) -> list[dict[str, Tensor]]:
    rng = torch.Generator().manual_seed(3)
    return [{"x": torch.randn(4, 5, dtype=D, generator=rng)} for _ in range(count)]


def special(kind: torch.dtype, small: bool) -> dict[str, Tensor]:
    """Every pair of special values; `small` for those whose quotient a type holds."""
    values = [
        v for v in ops.SPECIAL if not (small and v and math.isfinite(v) and not 1e-3 < abs(v) < 1e3)
    ]
    pairs = torch.tensor(list(itertools.product(values, values)), dtype=kind)
    return {"x": pairs[:, 0].clone(), "z": pairs[:, 1].clone()}


def compared(f, settings: list[dict[str, Tensor]]):
    """A case for `run`, and what torch answers."""

    def flat(**inputs: Tensor) -> list[Tensor]:
        return tensors(f(**inputs))

    program = lower(trace(flat, settings[0]))
    return (program, settings), [flat(**inputs) for inputs in settings]


def elementwise(name: str, f, kind: torch.dtype):
    inputs = special(kind, small=name in ops.QUOTIENTS)
    used = inputs if name in ops.BINARY.split() else {"x": inputs["x"]}
    return compared(lambda x, z=None: f(x) if z is None else f(x, z), [used])


@pytest.fixture(scope="module")
def answers(browser) -> dict[str, tuple]:
    """Torch's answers and Chromium's, by name; an idiom that cannot be written is missing."""
    made = {}
    for name, f in ops.IDIOMS.items():
        with contextlib.suppress(Unsupported):
            made[name] = compared(f, normal(4))
    for name in (*ops.UNARY.split(), *ops.BINARY.split()):
        for kind in (D, torch.float32):
            made[f"{name} of {kind}"] = elementwise(name, getattr(torch, name), kind)
    found = run(browser, [case for case, _ in made.values()])
    return {name: (wanted, got) for (name, (_, wanted)), got in zip(made.items(), found)}


def worst(wanted: list[list[Tensor]], got: list[list[list]]) -> float:
    """The largest difference, in multiples of what is allowed; torch is left its last digit."""
    pairs = [(w, g) for ws, gs in zip(wanted, got) for w, g in zip(ws, gs)]
    return max(apart(g, w) / (limit(w) or 1e-9) for w, g in pairs)


@pytest.mark.parametrize("name", ops.IDIOMS)
def test_idioms(answers, name):
    wanted, got = answers[name]
    assert len(got) == 4 and worst(wanted, got) <= 1


@pytest.mark.parametrize("name", [*ops.UNARY.split(), *ops.BINARY.split()])
@pytest.mark.parametrize("kind", [D, torch.float32])
def test_numbers_one_by_one(answers, name, kind):
    wanted, got = answers[f"{name} of {kind}"]
    assert worst(wanted, got) <= 1


def test_random_views_and_broadcasts(browser):
    """Views of views, of random shapes, that broadcast against each other."""
    rng = np.random.default_rng(0)
    cases, wanted = [], []
    for _ in range(60):
        shape = rng.integers(1, 5, rng.integers(1, 5)).tolist()
        order = rng.permutation(len(shape)).tolist()
        cut = [slice(int(rng.integers(0, 2)), None, int(rng.integers(1, 3))) for _ in shape]
        ones = [int(n) if rng.random() < 0.5 else 1 for n in shape]

        def f(x, z, order=order, cut=cut):
            y = (x + z.expand(x.shape)).permute(order)[tuple(cut)]
            return [y * y.flip(0), y.sum(-1, keepdim=True) - y, y.reshape(-1).cumsum(0), y > 0]

        settings = [{"x": torch.randn(shape, dtype=D), "z": torch.randn(ones, dtype=D)}]
        case, answer = compared(f, settings)
        cases.append(case)
        wanted.append(answer)
    assert all(worst(w, g) <= 1 for w, g in zip(wanted, run(browser, cases)))


@pytest.mark.parametrize("name", ops.REFUSED)
def test_what_a_page_cannot_run_is_named(name):
    f, words = ops.REFUSED[name]
    inputs = normal(1)[0]
    with pytest.raises(LiveError, match=words) as error, checks.explained("f", f, inputs):
        lower(trace(lambda x: tensors(f(x)), inputs))
    assert "live_operations.py" in str(error.value) or name == "complex"


def test_constants_are_shared_and_small():
    table = torch.arange(1000, dtype=D)
    program = lower(trace(lambda x: [x * table, x + table.flip(0).flip(0)], {"x": table.clone()}))
    assert len(program["constants"]) == 1 and program["constants"][0][1] == "h"


def test_whole_numbers_beyond_53_bits_are_refused():
    with pytest.raises(Unsupported, match="53 bits"):
        lower(trace(lambda x: [x + torch.tensor([2**60 + 1, 0])], {"x": torch.tensor([1, 2])}))


# ---- an author's mistakes -----------------------------------------------------------------------

Z = torch.linspace(-1, 1, 50, dtype=D)


def axes():
    ax = plt.subplots()[1]
    ax.set(xlim=(-1, 1), ylim=(-2, 2))
    return ax


def numpy(t=0.5):
    axes().plot(Z, torch.from_numpy(np.sin(t.numpy() * Z.numpy())))


def item(t=0.5):
    axes().plot(Z, Z * t.item())


def branch(t=0.5):
    axes().plot(Z, Z * t if t > 0.3 else -Z)


def as_tensor(t=0.5):
    axes().plot(Z, torch.as_tensor([t, t]).sum() * Z)


def mask(t=0.5):
    below = Z[t > Z]
    axes().plot(below, below)


def unknown(t=0.5):
    axes().plot(Z, torch.lgamma(Z.abs() + t))


def random(t=0.5):
    axes().plot(Z, t * torch.randn(50, dtype=D))


def idle(t=0.5, s=0.1):
    axes().plot(Z, Z * t)


def limits(t=0.5):
    plt.subplots()[1].plot(Z, t * Z)


def moving_limits(t=0.5):
    ax = axes()
    ax.plot(Z, t * Z)
    ax.set_ylim(0, t)


def contour(t=0.5):
    axes().contour(Z, Z, t * Z[:, None] * Z)


def looked_up(t=0.5):
    axes().plot(Z, [1.0, 2.0][int(2 * t)] * Z * t)


def colours(t=0.5):
    axes().imshow(t * Z[:, None] * Z)


def mathematics(t=0.5):
    axes().set_title(f"$t$ is {t:.1f}")


def words_of_a_knob(t="a"):
    axes().plot(Z, Z)


MISTAKES = [
    (numpy, "numpy.*from the knob to matplotlib"),
    (item, "0-d tensor as with a number"),
    (branch, r"t > 0\.3.*torch.where"),
    (as_tensor, "as_tensor.*0-d tensor"),
    (mask, r"Z\[t > Z\].*torch.where\(mask"),
    (unknown, "lgamma.*cannot run"),
    (random, "plot.*at random.*outside the function"),
    (idle, "idle: nothing that is drawn depends on s"),
    (limits, r"plot.*needs limits: ax.set\(xlim"),
    (moving_limits, "set_ylim.*moves out of torch"),
    (contour, "contour.*cannot follow, these can: plot"),
    (looked_up, r"int\(2 \* t\).*index with a tensor"),
    (colours, "imshow.*vmin= and vmax="),
    (mathematics, "set_title.*no .mathematics"),
]


@pytest.mark.parametrize(("draw", "words"), MISTAKES, ids=lambda v: getattr(v, "__name__", ""))
def test_a_mistake_is_named_with_its_line_and_a_way_out(draw, words):
    draw.__doc__ = "A caption."
    knobs = {"t": (0.0, 1.0)} | ({"s": (0.0, 1.0)} if draw is idle else {})
    with pytest.raises((LiveError, TypeError, ValueError)) as error:
        LiveFigure(draw, knobs).record()
    message = " ".join(str(error.value).split())
    assert re.search(words, message), message
    assert draw is idle or "test_live.py:" in message
    plt.close("all")


def test_a_graph_that_draws_something_else_is_refused():
    zeros, ones = torch.zeros(2), torch.ones(2)
    with pytest.raises(LiveError, match="computed outside of torch"):
        checks.same_outputs("figure", [zeros], [ones], Recording(), traced=True)


def test_a_knob_is_a_number():
    words_of_a_knob.__doc__ = "A caption."
    with pytest.raises(TypeError, match="'t' of words_of_a_knob is no number.*@explore"):
        LiveFigure(words_of_a_knob, {"t": ["a", "b"]})
    with pytest.raises(TypeError, match="'s' is no argument of item"):
        LiveFigure(item, {"t": (0.0, 1.0), "s": (0.0, 1.0)})


def test_a_slider_has_as_many_stops_as_its_labels_tell_apart():
    made = LiveFigure(idle, {"t": knob((0.0, 1.0), "time", fmt=".2f"), "s": (0.0, 1.0)})
    fine, plain = made.knobs
    assert len(fine.values) == 101 and fine.default == 0.5
    assert len(plain.values) == 201 and plain.default == 0.1


# ---- figures on a page --------------------------------------------------------------------------

PAGE = """
Figures
=======

:set:`Later <toy?t=2>`.

.. raw:: html
   :file: toy.html

.. raw:: html
   :file: paper.html

.. raw:: html
   :file: pair.html

.. raw:: html
   :file: still.html
"""
EIGHT = torch.zeros(8, 8)
PLACES, HEIGHTS = torch.tensor([[-0.5, 0.0, 0.5], [1.0, 1.0, 1.0]]).double().unbind()
STATE = torch.zeros(2, dtype=D)


def toy(x=PLACES, y=HEIGHTS, s=STATE, t=1.0):
    """Points that are dragged, and a state that moves on."""
    _, (left, right) = plt.subplots(1, 2)
    left.plot(Z, t * (x * y).sum() * Z)
    left.plot(x, y, "o")
    left.set(xlim=(-1, 1), ylim=(-2, 2), aspect="equal")
    right.fill_between(Z, s[0] + 0 * Z, t * Z)
    right.bar([0, 1], s, 0.4)
    right.set(xlim=(-1, 2), ylim=(-4, 4))
    right.set_title(f"sum {y.sum():.2f}, step {s[0]:.0f}")
    return {"s": s + torch.tensor([1.0, 0.5]).double()}


def paper(image=EIGHT, cut=0.5):
    """A drawing, and how much of it is dark."""
    _, (left, right) = plt.subplots(1, 2)
    left.imshow(image, vmin=0, vmax=1, cmap="gray_r")
    right.barh([0, 1], [image.mean(), (image > cut).float().mean()])
    right.set(xlim=(0, 1), ylim=(-1, 2))


def pair(a=PLACES[:1], b=HEIGHTS[:1]):
    """A point whose coordinates change places when it trains."""
    _, ax = plt.subplots()
    ax.plot(a, b, "o")
    ax.set(xlim=(-2, 2), ylim=(-2, 2))
    return {"a": b, "b": a}


def still(t=1.0):
    """A figure that is not live."""
    plt.subplots()[1].plot([0, t])


@pytest.fixture(scope="module")
def figures() -> dict[str, LiveFigure]:
    knobs = {"t": knob((0.0, 2.0), "time", symbol="t", unit="s", fmt=".2f", plays=True)}
    made = {"toy": LiveFigure(toy, knobs), "paper": LiveFigure(paper, {"cut": (0.1, 0.9)})}
    return made | {"pair": LiveFigure(pair, {})}


@pytest.fixture(scope="module")
def site_of_toys(figures, tmp_path_factory):
    made = figures | {"still": explorer.Explorer(still, {"t": [1.0, 2.0]})}
    folder, scripts = tmp_path_factory.mktemp("live"), ("explore", "live", "livefig")
    out, warnings = toy_site.build(folder, made, {"index": PAGE}, scripts)
    assert warnings == ""
    return out


@pytest.fixture(scope="module")
def toys(site_of_toys):
    return serve(site_of_toys)


def opened(page, name: str) -> None:
    """Bring a figure to the screen, and wait until it is live."""
    page.locator(f"#{name}").scroll_into_view_if_needed()
    page.wait_for_function(f"!document.querySelector('#{name} .explore-controls').disabled")


def of(figure: str, expression: str) -> str:
    """JavaScript that looks at a figure, L."""
    return f"(L => {expression})(liveFigures.find(f => f.figure.id === '{figure}'))"


def values(page, figure: str, name: str) -> list[float]:
    """An input of a figure."""
    return page.evaluate(of(figure, f"Array.from(L.program.in['{name}'])"))


SET = """([name, inputs]) => {
  const L = liveFigures.find(f => f.figure.id === name);
  for (const n in inputs) L.program.in[n].set(LiveProgram.unpack(inputs[n]));
  L.repeat();
  return [L.program.out.map(o => Array.from(o, v => Number.isFinite(v) ? v : String(v))),
    L.svg.outerHTML, L.svg.viewBox.baseVal.width, L.svg.viewBox.baseVal.height];
}"""


def check_figure(page, summary: dict) -> None:
    """A live figure of an open page against torch, at all settings recorded for it, and its marks
    against matplotlib's at one; with everything 5 % off they must differ.
    """
    name, told = summary["name"], summary["answers"]
    opened(page, name)
    for inputs, outputs in reversed(list(zip(told["inputs"], told["outputs"]))):
        got, svg, width, height = page.evaluate(SET, [name, inputs])
        for answer, wanted, double in zip(got, outputs, told["double"]):
            kind = torch.float64 if double else torch.float32
            exact = torch.tensor(unpacked(*wanted), dtype=D)
            assert apart(answer, exact) <= limit(exact.to(kind)), name
    right, wrong = map(drawn, told["drawn"])
    shown = drawn(svg)
    assert differ(shown, right, height, width) == []
    if any(not isinstance(mark, str) for mark in right.values()):  # not words about an image alone
        assert differ(shown, wrong, height, width) != []


def move_by_all_means(page, name: str) -> None:
    """The first point of a figure by mouse, by a finger and by keyboard, and back by Reset."""
    figure = page.locator(f"#{name}")
    opened(page, name)
    handle = figure.locator(".live-handle").first
    frame = figure.locator(".explore-frame")
    figure.locator(".live-reset").click()
    start = frame.inner_html()

    def box():
        found = handle.bounding_box()
        assert min(found["width"], found["height"]) >= 24
        return found["x"] + found["width"] / 2, found["y"] + found["height"] / 2

    def changed(do) -> None:
        before, (x, y) = frame.inner_html(), box()
        do(x, y)
        assert frame.inner_html() != before and box() != (x, y)

    def mouse(x, y) -> None:
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 9, y + 12, steps=4)
        page.mouse.up()

    def touch(x, y) -> None:
        session = page.context.new_cdp_session(page)
        for kind, at in (("Start", 0), ("Move", 5), ("Move", 10), ("End", None)):
            points = [] if at is None else [{"x": x - at, "y": y - at}]
            session.send(
                "Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points}
            )

    def keys(x, y) -> None:
        handle.focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowUp")

    for do in (mouse, touch, keys):
        changed(do)
    link = figure.locator(".explore-link").get_attribute("href")
    figure.locator(".live-reset").click()
    page.locator("figcaption").first.hover()
    assert frame.inner_html() == start
    assert link != figure.locator(".explore-link").get_attribute("href")


def test_a_figure_agrees_with_torch_and_matplotlib(browser, toys, figures, seen):
    with Visit(browser, toys, "index.html") as visit:
        for figure in figures.values():
            check_figure(visit.page, figure.summary)
            seen("browser checks", 12)
        assert visit.errors == [] and visit.outside == []


@pytest.mark.parametrize("from_folder", [False, True])
def test_points_move_by_mouse_key_and_finger(browser, toys, site_of_toys, seen, from_folder):
    base = site_of_toys.as_uri() if from_folder else toys
    with Visit(browser, base, "index.html", viewport=PHONE, has_touch=True) as visit:
        move_by_all_means(visit.page, "toy")
        assert visit.errors == []
    seen("browser checks", 4)


def test_play_and_its_steps_move_the_knob(browser, toys, seen):
    with Visit(browser, toys, "index.html") as visit:
        page = visit.page
        opened(page, "toy")
        page.get_by_role("button", name="time t, one step on").click()
        assert values(page, "toy", "t") == [1.01] and values(page, "toy", "s") == [0, 0]
        page.locator("#toy .explore-play").click()
        page.wait_for_function(of("toy", "L.program.in.t[0] > 1.3"))
        page.locator("#toy .explore-play").click()
        assert page.locator("#toy .explore-play").text_content() == "Play"
    seen("browser checks", 3)


def test_points_stay_inside_their_axes(browser, toys, seen):
    with Visit(browser, toys, "index.html") as visit:
        opened(visit.page, "toy")
        visit.page.locator("#toy .live-handle").first.focus()
        for _ in range(30):
            visit.page.keyboard.press("Shift+ArrowUp")
        assert values(visit.page, "toy", "y") == [2, 1, 1]
        label = visit.page.locator("#toy .live-handle").first.get_attribute("aria-valuetext")
        assert label == "x -0.5, y 2"
        for _ in range(30):
            visit.page.keyboard.press("Shift+ArrowLeft")
        assert values(visit.page, "toy", "x") == [-1, 0, 0.5]
    seen("browser checks", 3)


def test_a_state_moves_on_while_it_trains(browser, toys, seen):
    with Visit(browser, toys, "index.html") as visit:
        page = visit.page
        opened(page, "toy")
        page.locator("#toy .live-train").click()
        page.wait_for_function(of("toy", "L.program.in.s[0] > 3"))
        page.locator("#toy .live-train").click()
        (first, second), title = values(page, "toy", "s"), page.locator("#toy text").last
        assert second == first / 2 and title.text_content() == f"sum 3.00, step {first:.0f}"
        page.locator("#toy .live-reset").click()
        assert values(page, "toy", "s") == [0, 0]
    with Visit(browser, toys, "index.html", reduced_motion="reduce") as visit:
        opened(visit.page, "toy")
        visit.page.locator("#toy .live-train").click()
        assert values(visit.page, "toy", "s") == [60, 30]
        assert visit.page.locator("#toy .explore-play:visible").count() == 0
    seen("browser checks", 5)


def test_a_step_takes_the_state_before_it_and_a_state_can_be_dragged(browser, toys, seen):
    with Visit(browser, toys, "index.html") as visit:
        opened(visit.page, "pair")
        visit.page.evaluate(of("pair", "(L.advance(), L.repeat())"))
        assert values(visit.page, "pair", "a") == [1] and values(visit.page, "pair", "b") == [-0.5]
        visit.page.locator("#pair .live-handle").focus()
        visit.page.keyboard.press("Shift+ArrowRight")
        assert values(visit.page, "pair", "a")[0] > 1
    seen("browser checks", 2)


def test_a_drawing_is_painted_by_mouse_and_keys(browser, toys, seen):
    with Visit(browser, toys, "index.html") as visit:
        page = visit.page
        opened(page, "paper")
        box = page.locator("#paper .live-paper").bounding_box()
        x, y = (box[a] + 2.5 * box[b] / 8 for a, b in (("x", "width"), ("y", "height")))
        page.mouse.click(x, y)
        ink = np.array(values(page, "paper", "image")).reshape(8, 8)
        assert ink.argmax() == 2 * 8 + 2 and ink[2, 2] == pytest.approx(1)
        page.locator("#paper .live-paper").focus()
        page.keyboard.press("Delete")
        for key in ("ArrowDown", "ArrowRight", "ArrowRight", "Space"):
            page.keyboard.press(key)
        ink = np.array(values(page, "paper", "image")).reshape(8, 8)
        assert ink.argmax() == 8 + 2 and (ink > 0.5).sum() == 1
    seen("browser checks", 4)


def test_what_was_moved_is_in_the_link(browser, toys, seen):
    with Visit(browser, toys, "index.html#toy?t=0.5&y=1_-1.5_0.25") as visit:
        page = visit.page
        opened(page, "toy")
        page.wait_for_function(of("toy", "L.program.in.y[1] === -1.5"))
        assert values(page, "toy", "t") == [0.5] and values(page, "toy", "y") == [1, -1.5, 0.25]
        link = page.locator("#toy .explore-link").get_attribute("href")
        assert link.endswith("#toy?t=0.5&y=1_-1.5_0.25")
        page.get_by_role("button", name="Later").click()
        assert values(page, "toy", "t") == [2]
    with Visit(browser, toys, "index.html#toy?y=1_2") as visit:  # of another length
        opened(visit.page, "toy")
        assert values(visit.page, "toy", "y") == [1, 1, 1]
    seen("browser checks", 5)


def test_ten_thousand_steps_leave_no_trace(browser, toys, seen):
    steps = "([...Array(5000)].forEach(() => L.advance()), L.repeat(), L.svg.outerHTML.length)"
    with Visit(browser, toys, "index.html") as visit:
        opened(visit.page, "toy")
        lengths = [visit.page.evaluate(of("toy", steps)) for _ in range(2)]
        assert abs(lengths[1] - lengths[0]) < 40
    seen("browser checks")


def test_without_javascript_the_default_frame_stands(browser, toys, seen):
    with Visit(browser, toys, "index.html", java_script_enabled=False) as visit:
        assert visit.page.locator("#toy .explore-frame svg").count() == 1
        assert visit.page.locator(".explore-controls:visible").count() == 0
    seen("browser checks", 2)


def test_on_a_kernel_the_same_function_moves(figures):
    figures["toy"]._live()
    before = figures["toy"].picture.value
    figures["toy"].controls["t"].index = 5
    assert figures["toy"].picture.value != before


def test_the_shared_code_is_light():
    files = [ROOT / "book" / "_static" / name for name in ("live.js", "livefig.js")]
    assert sum(len(gzip.compress(file.read_bytes())) for file in files) <= SHARED


def test_the_example_of_the_guide_is_one(browser):
    """It runs as it stands in CONTRIBUTING.md, and the page computes what torch does."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    example = re.search(r"```python\n(import matplotlib.*?@live.*?)```", text, re.DOTALL)[1]
    space = {}
    exec(compile(example, "CONTRIBUTING.md", "exec"), space)
    figure = space["bumps"].live
    assert [name for mark in figure.data()["marks"] for name in mark.get("drag", {})] == ["x", "y"]
    settings = list(figure.settings(3))
    found = run(browser, [(figure.program, settings)])[0]
    for got, inputs in zip(found, settings):
        for answer, wanted in zip(got, figure.outputs(**inputs)):
            assert apart(answer, wanted) <= limit(wanted)


# ---- the book's own -----------------------------------------------------------------------------


@pytest.mark.parametrize("page", execute.notebooks(), ids=execute.name)
def test_live_figures_of_a_page(browser, site, address, runs, seen, page):
    docname = page.relative_to(ROOT).with_suffix("").as_posix()
    live = [figure for figure in runs[docname].figures if figure.get("live")]
    text = (site / f"{docname}.html").read_text(encoding="utf-8")
    assert ("livefig.js" in text) == bool(live)
    if not live:
        return
    for figure in live:
        (file,) = (site / toy_site.frames_apart.FOLDER).glob(f"{figure['name']}-*.js")
        assert len(gzip.compress(file.read_bytes())) <= GZIPPED, figure["name"]
    with Visit(browser, address, f"{docname}.html", has_touch=True) as visit:
        for figure in live:
            check_figure(visit.page, figure)
            if visit.page.locator(f"#{figure['name']} .live-handle").count():
                move_by_all_means(visit.page, figure["name"])
            seen("browser checks", 16)
        assert visit.errors == [] and visit.outside == []
