"""The KAN chapter beside pykan: one training step, and the time to a given accuracy."""

import io
import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from importlib.metadata import version
from statistics import median
from time import process_time

import kan as pykan
import torch
from torch import Tensor, nn

from helpers import chapter, seeded
from tests.benchmarks.timing import milliseconds, progress, race, row

kan = chapter("kan")

PEER = f"pykan {version('pykan')}"
G, K = 5, 3
ROUNDS = 15
SEEDS = 5
GRIDS = (3, 5, 10, 20)
STEPS = 20

Stage = tuple[float, float]  # test RMSE at the end of a grid, seconds until then
NEVER: Stage = (math.inf, math.inf)


def rows() -> list[dict]:
    """All rows of this family."""
    return [*small_steps(), large_step(), time_to_accuracy()]


def small_steps() -> list[dict]:
    """A [2, 5, 1] network, beside pykan as it comes and pykan in its fast mode."""
    default, fast = theirs([2, 5, 1]), theirs([2, 5, 1]).speed()
    seconds = race_of_steps([2, 5, 1], 1000, {"default": default, "fast": fast}, repeats=20)
    task = "KAN: forward + backward, [2, 5, 1], batch 1000"
    return [
        step_row(task, seconds, "default", "as it comes", target=5),
        step_row(task, seconds, "fast", "with .speed()", target=3),
    ]


def large_step() -> dict:
    """A [64, 64, 10] network, beside pykan in its fast mode (the other takes seconds a step)."""
    peers = {"fast": theirs([64, 64, 10]).speed()}
    seconds = race_of_steps([64, 64, 10], 256, peers, repeats=10)
    task = "KAN: forward + backward, [64, 64, 10], batch 256"
    return step_row(task, seconds, "fast", "with .speed()", target=5)


def step_row(task: str, seconds: dict, side: str, mode: str, target: float) -> dict:
    """Our step beside one of pykan's modes; the ratio is that of the best times."""
    ours, peer = seconds["ours"], seconds[side]
    text = f"{PEER} {mode}: {milliseconds(peer)}"
    return row(task, milliseconds(ours), text, min(peer) / min(ours), target)


def race_of_steps(width: list[int], batch: int, peers: dict, repeats: int) -> dict:
    """Seconds a training step of our KAN and of pykan's, all with the same weights.

    Raises:
        ValueError: one of the networks computes another function.
    """
    progress(f"KAN {width}: training steps")
    x = 2 * torch.rand(batch, width[0], generator=seeded(1).torch) - 1
    sides = {"ours": ours_from(next(iter(peers.values())), width), **peers}
    for peer in peers.values():
        same_function(sides["ours"], peer, x)
    steps = {name: partial(training_step, model, x) for name, model in sides.items()}
    return race(steps, ROUNDS, repeats)


def training_step(model: nn.Module, x: Tensor) -> None:
    """Clear the gradients, then a forward and a backward pass."""
    model.zero_grad()
    model(x).square().mean().backward()


def theirs(width: list[int]) -> nn.Module:
    """pykan's network in float32, with splines as large as ours are at the start.

    pykan changes the list of widths that it is given, and starts with splines that are so flat
    that a comparison of outputs would hardly see them.
    """
    model = pykan.KAN(list(width), grid=G, k=K, seed=0, auto_save=False)
    for layer in model.act_fun:
        nn.init.normal_(layer.coef, std=0.1 * math.sqrt(layer.in_dim))
    return model


@torch.no_grad()
def ours_from(peer: nn.Module, width: list[int]) -> nn.Module:
    """Our float32 network with pykan's weights; its factor w_s goes into our coefficients.

    Raises:
        ValueError: a grid of pykan's is not even, which ours cannot follow.
    """
    model = kan.KAN(width, G=G, k=K, dtype=torch.float32)
    for ours, other in zip(model, peer.act_fun):
        knots = other.grid[:, K:-K]
        ours.low, ours.high = knots[:, 0].clone(), knots[:, -1].clone()
        even = torch.lerp(ours.low[:, None], ours.high[:, None], torch.linspace(0, 1, G + 1))
        if (knots - even).abs().max() > 1e-6:
            raise ValueError("pykan's grid is not even")
        ours.w_b.copy_((other.mask * other.scale_base).T)
        ours.c.copy_(((other.mask * other.scale_sp)[..., None] * other.coef).transpose(0, 1))
    return model


def same_function(ours: nn.Module, peer: nn.Module, x: Tensor) -> None:
    """Raise ValueError where outputs or their derivatives by x are more than 1e-5 apart."""
    gaps = [
        (a - b).abs().max().item()
        for a, b in zip(value_and_slope(ours, x), value_and_slope(peer, x))
    ]
    progress(f"  outputs {gaps[0]:.0e} apart, their derivatives {gaps[1]:.0e}")
    if not max(gaps) <= 1e-5:
        raise ValueError("the two networks are not the same function")


def value_and_slope(model: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """The outputs, and the derivatives of their sum by x."""
    x = x.clone().requires_grad_()
    y = model(x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    return y.detach(), slope


def time_to_accuracy() -> dict:
    """How long each side trains a [2, 5, 1] network on exp(sin(pi x) + y^2).

    The bar is the lowest test RMSE that pykan reaches with any of its seeds, at any grid. A seed
    of ours is charged until the end of its first grid below the bar; one that misses it, forever.
    """
    rng = seeded(2)
    samples = (*kan.formula_samples(1000, rng.torch), *kan.formula_samples(1000, rng.torch))
    peer, ours = [], []
    for seed in range(SEEDS):
        peer.append(min(pykan_stages(seed, *samples)))
        ours.append(our_stages(seed, *samples))
        for name, (error, seconds) in (("pykan", peer[-1]), ("ours", min(ours[-1]))):
            progress(f"  seed {seed}, {name}: test RMSE {error:.1e} after {seconds:.2f} s")
    bar, _ = min(peer)
    reached = [next((s for s in stages if s[0] <= bar), NEVER) for stages in ours]
    met = sum(stage is not NEVER for stage in reached)
    (their_error, their_seconds), (error, seconds) = medians(peer), medians(reached)
    return row(
        "KAN: fit exp(sin πx + y²) to pykan's RMSE, [2, 5, 1], 1000 points",
        f"{seconds:.2f} s to {error:.1e} ({met} of {SEEDS} seeds below {bar:.1e})",
        f"{PEER}, L-BFGS: {their_seconds:.1f} s to {their_error:.1e} (best of {SEEDS}: {bar:.1e})",
        their_seconds / seconds,
        target=10,
    )


def medians(stages: list[Stage]) -> Stage:
    """The median error and the median time."""
    errors, seconds = zip(*stages)
    return median(errors), median(seconds)


def pykan_stages(seed: int, x: Tensor, y: Tensor, x_test: Tensor, y_test: Tensor) -> list[Stage]:
    """pykan's own recipe: `fit` and `refine`, 20 steps of L-BFGS a grid, in float32."""
    samples = {"train_input": x, "train_label": y[:, None]}
    samples |= {"test_input": x_test, "test_label": y_test[:, None]}
    samples = {name: values.float() for name, values in samples.items()}
    stages, seconds = [], 0.0
    with tempfile.TemporaryDirectory() as folder, quiet():
        options = {"k": K, "seed": seed, "auto_save": False, "ckpt_path": folder}
        model = pykan.KAN([2, 5, 1], grid=GRIDS[0], **options)
        for grid in GRIDS:
            start = process_time()
            if stages:
                model = model.refine(grid)
            model.fit(samples, opt="LBFGS", steps=STEPS)
            seconds += process_time() - start
            stages.append((kan.rmse(model, samples["test_input"], y_test), seconds))
    return stages


def our_stages(seed: int, x: Tensor, y: Tensor, x_test: Tensor, y_test: Tensor) -> list[Stage]:
    """The chapter's recipe, Levenberg-Marquardt from one start; each list of grids from scratch."""
    stages = []
    for last in range(2, len(GRIDS) + 1):
        torch.manual_seed(seed)
        start = process_time()
        model = kan.grow([2, 5, 1], GRIDS[:last], x, y, starts=1, steps=STEPS)[-1]
        seconds = process_time() - start
        stages.append((kan.rmse(model, x_test, y_test), seconds))
    return stages


@contextmanager
def quiet() -> Iterator[None]:
    """Swallow pykan's messages and progress bars."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        yield
