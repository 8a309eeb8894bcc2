"""The chapter on physics-informed networks beside DeepXDE: equal networks, points and targets.

Errors are relative L2 distances from the exact solution; the time of measuring them is not counted.
"Cold" times are those of a fresh process from the end of its imports to the target: both sides
build their problem and pay for the first call of everything. DeepXDE is trained as its manual does:
1000 steps of Adam, then L-BFGS.
"""

import contextlib
import io
import math
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import process_time

import numpy as np
import torch

from helpers import chapter, seeded
from tests.benchmarks.timing import milliseconds, progress, race, row

pinns = chapter("pinns")

DEEPXDE = f"DeepXDE {version('deepxde')} (PyTorch, float64)"
ROOT = Path(__file__).resolve().parents[2]
STRING, FLUID = [1, 20, 20, 1], [2, 20, 20, 20, 1]
NU = 0.1 / math.pi
POISSON_TARGET, BURGERS_TARGET = 2e-6, 5e-3
POINTS = {"num_domain": 2540, "num_boundary": 80, "num_initial": 160}


def rows() -> list[dict]:
    """All rows of this family."""
    return [*poisson_rows(), burgers_row(), step_row()]


class Clock:
    """CPU seconds since the start, without those spent measuring; stops at the target."""

    class Reached(Exception):
        """The target is met."""

    def __init__(self, target: float):
        self.target, self.start, self.lost, self.error = target, process_time(), 0.0, math.inf

    def look(self, error: Callable[[], float]) -> None:
        now = process_time()
        self.seconds = now - self.start - self.lost
        self.error = error()
        self.lost += process_time() - now
        if self.error <= self.target:
            raise self.Reached


def ours_until(theta: torch.Tensor, terms: list, error: Callable, clock: Clock, steps=300) -> float:
    mu = torch.tensor(1e-2, dtype=torch.float64)
    try:
        for _ in range(steps):
            theta, _, mu = pinns.lm_step(theta, terms, mu)
            clock.look(lambda now=theta: error(now))
    except Clock.Reached:
        return clock.seconds
    return math.inf


def our_poisson(seed: int) -> float:
    """u'' + pi^2 sin(pi x) = 0, hard ends, 32 even points."""
    clock, net = Clock(POISSON_TARGET), pinns.MLP(STRING)

    def trial(theta):
        return lambda x: (1 - x[..., 0] ** 2) * net(theta, x)

    def source(x):
        return math.pi**2 * (math.pi * x[..., 0]).sin()

    law = pinns.Term(lambda theta, x: pinns.poisson(trial(theta), source)(x), pinns.even(32))
    line = pinns.even(401)
    truth = (math.pi * line[:, 0]).sin()

    def error(theta):
        return pinns.relative_error(trial(theta)(line), truth).item()

    return ours_until(net.init(seeded(seed).torch), [law], error, clock)


def their_poisson(seed: int) -> float:
    """The same with DeepXDE."""
    dde = deepxde()
    clock = Clock(POISSON_TARGET)
    dde.config.set_random_seed(seed)
    interval = dde.geometry.Interval(-1, 1)

    def law(x, u):
        return dde.grad.hessian(u, x) + math.pi**2 * torch.sin(math.pi * x)

    data = dde.data.PDE(
        interval, law, [], num_domain=30, num_boundary=2, train_distribution="uniform"
    )
    net = dde.nn.FNN(STRING, "tanh", "Glorot normal")
    net.apply_output_transform(lambda x, u: (1 - x**2) * u)
    line = np.linspace(-1, 1, 401)[:, None]
    return theirs_until(dde, dde.Model(data, net), line, np.sin(math.pi * line), clock)


def our_burgers(seed: int) -> float:
    """Soft conditions of weight 1, DeepXDE's points."""
    clock, net = Clock(BURGERS_TARGET), pinns.MLP(FLUID)
    theta = net.init(seeded(seed).torch)
    return ours_until(theta, fluid_terms(net, fluid_data(deepxde())), fluid_error(net), clock, 60)


def their_burgers(seed: int) -> float:
    """The same with DeepXDE."""
    dde = deepxde()
    clock = Clock(BURGERS_TARGET)
    dde.config.set_random_seed(seed)
    z, truth = fluid_truth()
    model = dde.Model(fluid_data(dde), dde.nn.FNN(FLUID, "tanh", "Glorot normal"))
    return theirs_until(dde, model, z.numpy(), truth.numpy()[:, None], clock)


def fluid_data(dde):
    """Burgers' equation from -sin(pi x) with its points, as DeepXDE has it."""
    box = dde.geometry.GeometryXTime(dde.geometry.Interval(-1, 1), dde.geometry.TimeDomain(0, 1))

    def law(z, u):
        u_x, u_t = (dde.grad.jacobian(u, z, i=0, j=j) for j in (0, 1))
        return u_t + u * u_x - NU * dde.grad.hessian(u, z, i=0, j=0)

    ends = dde.icbc.DirichletBC(box, lambda z: 0, lambda _, on: on)
    start = dde.icbc.IC(box, lambda z: -np.sin(math.pi * z[:, :1]), lambda _, on: on)
    return dde.data.TimePDE(box, law, [ends, start], **POINTS)


def fluid_terms(net: pinns.MLP, data) -> list:
    """Our loss at DeepXDE's points: the law everywhere, the ends, the start."""
    everywhere, rims = torch.tensor(data.train_x_all), torch.tensor(data.train_x_bc)
    ends, start = rims.split(data.num_bcs)
    wanted = torch.cat([torch.zeros(len(ends)), -(math.pi * start[:, 0]).sin()])
    share = torch.cat([torch.full((len(part),), len(rims) / len(part)) for part in (ends, start)])
    rows = torch.cat([rims, wanted[:, None], share.sqrt()[:, None]], 1)

    def law(theta, z):
        return pinns.burgers(lambda z: net(theta, z), NU)(z)

    def off(theta, rows):
        return rows[..., 3] * (net(theta, rows[..., :2]) - rows[..., 2])

    return [pinns.Term(law, everywhere), pinns.Term(off, rows)]


def fluid_truth() -> tuple[torch.Tensor, torch.Tensor]:
    """A lattice of points (x, t), and the solution there."""
    z = pinns.lattice((-1, 0), (1, 1), 101, 21)
    return z, pinns.cole_hopf(z[:, 0], z[:, 1], NU)


def fluid_error(net: pinns.MLP) -> Callable:
    z, truth = fluid_truth()
    return lambda theta: pinns.relative_error(net(theta, z), truth).item()


def deepxde():
    """The package, quietly, with its PyTorch backend in float64."""
    os.environ["DDE_BACKEND"] = "pytorch"
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        import deepxde as dde

        dde.config.set_default_float("float64")
    return dde


def theirs_until(dde, model, points: np.ndarray, truth: np.ndarray, clock: Clock) -> float:
    """Adam, then L-BFGS, with a look at the error every 50 and every 25 iterations."""
    from deepxde.optimizers.config import LBFGS_options

    class Watch(dde.callbacks.Callback):
        calls = 0

        def on_epoch_end(self):
            self.calls += 1
            if self.model.opt_name != "adam" or self.calls % 50 == 0:
                clock.look(self.error)

        def error(self) -> float:
            off = self.model.predict(points) - truth
            return float(np.linalg.norm(off) / np.linalg.norm(truth))

    settings = {"display_every": 10**9, "verbose": 0, "callbacks": [Watch()]}
    try:
        model.compile("adam", lr=1e-3)
        model.train(iterations=1000, **settings)
        dde.optimizers.set_LBFGS_options(maxiter=3000)
        LBFGS_options |= {"iter_per_step": 25, "fun_per_step": 31}
        model.compile("L-BFGS")
        model.train(**settings)
    except Clock.Reached:
        return clock.seconds
    return math.inf


def fresh(side: str, seed: int) -> float:
    """Seconds of a function of this module in a process of its own, imports not counted."""
    call = f"from tests.benchmarks import bench_pinns as b; print(b.measured('{side}', {seed}))"
    done = subprocess.run(
        [sys.executable, "-c", call], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return float(done.stdout.split()[-1])


def measured(side: str, seed: int) -> float:
    """Train one side; peers are imported before the clock starts."""
    if side.startswith("their"):
        deepxde()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return globals()[side](seed)


def text(times: list[float]) -> str:
    """The median, and how many reached the target."""
    reached = sum(map(math.isfinite, times))
    return f"{median(times):.2g} s (median; {reached} of {len(times)} starts reached it)"


def poisson_rows(starts: int = 5) -> list[dict]:
    """Cold and warm times to a relative error of 2e-6."""
    name = f"PINN: 1-D Poisson, {STRING} network, 32 points, to {POISSON_TARGET:g}"
    found = []
    for kind, run, target in (("cold", fresh, 3), ("warm", measured, 10)):
        progress(f"pinns: Poisson, {kind}")
        sides = ("our_poisson", "their_poisson")
        times: dict[str, list[float]] = {side: [] for side in sides}
        if kind == "warm":
            for side in sides:
                measured(side, 99)
        for seed in range(starts):
            for side in sides:
                times[side].append(run(side, seed))
        ours, theirs = times.values()
        ratio = median(theirs) / median(ours)
        label = "first run of a process" if kind == "cold" else "after a first run"
        found.append(
            row(f"{name}, {label}", text(ours), f"{DEEPXDE}: {text(theirs)}", ratio, target)
        )
    return found


def burgers_row(starts: int = 3) -> dict:
    """To an error of 5e-3, ours by Levenberg-Marquardt, theirs by Adam and L-BFGS."""
    progress("pinns: Burgers")
    ours = [fresh("our_burgers", seed) for seed in range(starts)]
    theirs = [fresh("their_burgers", seed) for seed in range(starts)]
    name = (
        f"PINN: Burgers, ν = 0.1/π, {FLUID} network, 2540 + 80 + 160 points, to {BURGERS_TARGET:g}"
    )
    return row(name, text(ours), f"{DEEPXDE}: {text(theirs)}", median(theirs) / median(ours), None)


def step_row() -> dict:
    """One step of Adam on Burgers' equation."""
    progress("pinns: a step")
    dde, net = deepxde(), pinns.MLP(FLUID)
    data = fluid_data(dde)
    model = dde.Model(data, dde.nn.FNN(FLUID, "tanh", "Glorot normal"))
    with contextlib.redirect_stdout(io.StringIO()):
        model.compile("adam", lr=1e-3)
    trial = pinns.Trial(net.init(seeded(0).torch))
    terms = fluid_terms(net, data)
    adam = torch.optim.Adam(trial.parameters(), lr=1e-3)

    def closure():
        adam.zero_grad()
        value = pinns.loss(trial.theta, terms)
        value.backward()
        return value

    sides = {
        "ours": lambda: [adam.step(closure) for _ in range(20)],
        "theirs": lambda: model.train(iterations=20, display_every=10**9, verbose=0),
    }
    times = race(sides, rounds=9, repeats=1)
    ours, theirs = ([seconds / 20 for seconds in times[side]] for side in ("ours", "theirs"))
    name = f"PINN: a step of Adam on Burgers' equation, {FLUID} network, 2540 + 80 + 160 points"
    ratio = min(theirs) / min(ours)
    return row(name, milliseconds(ours), f"{DEEPXDE}: {milliseconds(theirs)}", ratio, 1.5)
