"""The convex chapter's splitting beside CVXPY with Clarabel and beside pyscnn.

The weight decay is a share of the largest one that leaves a neuron, so that sizes compare. A time
of ours is that to a given error: the larger of the relative error of the objective against
Clarabel's and of the worst cone violation.
"""

from importlib.metadata import version
from statistics import median
from time import process_time

import numpy as np
import torch
from scnn.metrics import Metrics
from scnn.models import ConvexReLU
from scnn.optimize import optimize_model
from scnn.regularizers import NeuronGL1
from scnn.solvers import AL
from torch import Tensor

from helpers import chapter, seeded
from tests.benchmarks.timing import progress, row

convex, solvers = chapter("convex"), chapter("convex/solvers")

CLARABEL = f"CVXPY {version('cvxpy')} + Clarabel {version('clarabel')}"
SCNN = f"pyscnn {version('pyscnn')}"
ERROR = 1e-4
ROUNDS = 3
EVERY = 50
LIMIT = 40_000

Problem = tuple[Tensor, Tensor, Tensor, float]  # X (n, d), y (n,), gate vectors (P, d), beta


def rows() -> list[dict]:
    """All rows of this family."""
    return [
        beside_clarabel(125, share=0.1),
        beside_clarabel(250, share=0.1),
        beside_clarabel(500, share=0.1, target=5),
        beside_clarabel(200, share=0.001),
        beside_pyscnn(),
    ]


def problem(n: int, d: int, P: int, share: float, stream: int) -> Problem:
    """Gaussian inputs, a wavy noisy target, gate vectors with distinct patterns."""
    draw = seeded(stream).torch
    X = torch.randn(n, d, dtype=torch.float64, generator=draw)
    noise = 0.1 * torch.randn(n, dtype=torch.float64, generator=draw)
    y = torch.sin(2 * X[:, 0]) + X[:, 0] * X[:, 1] + noise
    U = torch.randn(P, d, dtype=torch.float64, generator=draw)
    D = U @ X.T > 0
    if len(D.unique(dim=0)) < P:
        raise ValueError("two gate vectors have the same pattern")
    return X, y, U, share * convex.steepest(X, D, y).max().item()


def solve(X: Tensor, y: Tensor, U: Tensor, beta: float) -> tuple[float, float]:
    """Clarabel's optimum and its CPU seconds."""
    start = process_time()
    V, W = convex.convex_program(X, y, U @ X.T > 0, beta)
    seconds = process_time() - start
    return convex.objective(X, y, U @ X.T > 0, V, W, beta), seconds


def split(problem: Problem, best: float, error: float) -> tuple[float, int]:
    """CPU seconds and iterations until our error is at most `error`."""
    X, y, U, beta = problem
    start = process_time()
    D = U @ X.T > 0
    solver = solvers.ADMM(X, y, D, beta)
    for step in range(1, LIMIT + 1):
        solution = solver.step()
        if step % EVERY == 0 and solvers.far_from(solution, X, y, D, beta, best) <= error:
            return process_time() - start, step
    raise ValueError(f"the splitting did not reach an error of {error:g} in {LIMIT} iterations")


def beside_clarabel(n: int, share: float, target: float | None = None) -> dict:
    """d = 10 and P = 100: medians over problems, both sides on each."""
    progress(f"convex n = {n}, beta = {share:g} of the largest")
    theirs, ours, steps = [], [], []
    for stream in range(ROUNDS):
        task = problem(n, 10, 100, share, stream)
        best, seconds = solve(*task)
        theirs.append(seconds)
        seconds, step = split(task, best, ERROR)
        ours.append(seconds)
        steps.append(step)
    ratio = median(a / b for a, b in zip(theirs, ours))
    text = f"{median(ours):.2g} s ({median(steps):g} iterations to {ERROR:g})"
    name = f"Convex: two-layer ReLU program, n = {n}, d = 10, P = 100, β = {share:g} β_max"
    return row(name, text, f"{CLARABEL}: {median(theirs):.2g} s", ratio, target)


def beside_pyscnn() -> dict:
    """n = 100 and P = 80; ours runs until its error is no larger than pyscnn's."""
    progress("convex: pyscnn")
    task = X, y, U, beta = problem(100, 6, 80, 0.01, stream=9)
    best, _ = solve(*task)
    model = ConvexReLU(U.T.numpy())
    start = process_time()
    model, _ = optimize_model(
        model,
        AL(model, tol=1e-8),
        Metrics(),
        X.numpy(),
        y.numpy()[:, None],
        regularizer=NeuronGL1(beta / len(y)),
        return_convex=True,
        unitize_data=False,
        dtype="float64",
    )
    theirs = process_time() - start
    V, W = (torch.tensor(np.asarray(part, dtype=float)[0]) for part in model.parameters)
    D = torch.tensor(model.G.T) @ X.T > 0  # pyscnn sorts its gates
    error = solvers.far_from(torch.stack([V, W]), X, y, D, beta, best)
    progress(f"  pyscnn is {error:.1e} off")
    ours, step = split(task, best, error)
    text = f"{ours:.2g} s ({step} iterations)"
    name = f"Convex: n = 100, d = 6, P = 80, β = 0.01 β_max, to pyscnn's error of {error:.1e}"
    return row(name, text, f"{SCNN} (AL, tol 1e-8): {theirs:.2g} s", theirs / ours, 10)
