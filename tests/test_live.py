"""Live figures: programs against torch, an author's mistakes, and figures under a reader's hand."""

import contextlib
import gzip
import itertools
import json
import re
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from sphinx.application import Sphinx
from sphinx.util.console import nocolor
from torch import Tensor
from torch.utils._pytree import tree_leaves

from helpers import knob
from helpers.live import checks
from helpers.live.checks import LiveError
from helpers.live.figure import LiveFigure
from helpers.live.lower import lower
from helpers.live.program import Unsupported
from helpers.live.trace import trace
from tests import live_operations as ops
from tests.conftest import ROOT, serve
from tests.live_page import apart, differ, drawn, limit, run
from tests.visit import PHONE, Visit

sys.path.insert(0, str(ROOT / "book" / "_ext"))
import executed
import frames_apart

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
    values = [v for v in ops.SPECIAL if not (small and v and not 1e-3 < abs(v) < 1e3)]
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
    used = inputs if name in ops.BINARY else {"x": inputs["x"]}
    return compared(lambda x, z=None: f(x) if z is None else f(x, z), [used])


@pytest.fixture(scope="module")
def answers(browser) -> dict[str, tuple]:
    """Torch's answers and Chromium's, by name; an idiom that cannot be written is missing."""
    made = {}
    for name, f in ops.IDIOMS.items():
        with contextlib.suppress(Unsupported):
            made[name] = compared(f, normal(4))
    for name in (*ops.UNARY, *ops.BINARY):
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


@pytest.mark.parametrize("name", [*ops.UNARY, *ops.BINARY])
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
    below = Z[Z < t]
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
    (mask, r"Z\[Z < t\].*torch.where\(mask"),
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
