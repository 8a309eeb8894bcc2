"""Hidden tests of the exercises of chapters/convex.md, and wrong answers that fail them."""

from importlib import reload

import numpy as np
import torch

from helpers import telling

check = reload(telling).check


def convex_ex_1(balance):
    draw = np.random.default_rng(3)
    for m, d in ((5, 3), (2, 4)):
        u, a, X = draw.normal(size=(m, d)), draw.normal(size=m) * 5, draw.normal(size=(9, d))
        u[0] *= 40
        v, b = (np.asarray(part) for part in balance(torch.tensor(u), torch.tensor(a)))
        wanted = np.maximum(X @ u.T, 0) @ a
        check(f"what {m} neurons of {d} inputs compute", np.maximum(X @ v.T, 0) @ b, wanted)
        check("the lengths", np.sqrt((v**2).sum(1)), np.abs(b))


def convex_ex_2(best_answers):
    for x, y, beta in (([-0.7, 3.0], [-1.2, -0.5], 0.4), ([-5.0, 0.3], [0.05, 2.0], 0.2)):
        x, y = np.array(x), np.array(y)
        v = np.maximum(np.abs(x * y) - beta, 0) / x**2
        got = best_answers(torch.tensor(x), torch.tensor(y), beta)
        check(f"samples at {x}, beta = {beta}", got, np.sign(y) * v * np.abs(x))


def convex_ex_3(largest_decay):
    turn = np.linspace(0, 2 * np.pi, 20_001)
    for places, heights in (
        ([-1.3, -0.2, 0.5, 1.7], [-2.0, 1.0, -0.5, -1.5]),
        ([0.3, 2.0], [1, 3]),
    ):
        X, y = np.stack([places, np.ones(len(places))], 1), np.array(heights, float)
        along = np.stack([np.cos(turn), np.sin(turn)], 1) @ X.T
        open_ = along > 0
        gates = np.unique(open_, axis=0)
        size = np.abs(np.maximum(along, 0) @ y)
        without_best = gates[(gates != open_[size.argmax()]).any(1)]
        for some in (gates, without_best):
            inside = (open_[:, None] == some).all(-1).any(1)
            got = largest_decay(torch.tensor(X), torch.tensor(y), torch.tensor(some))
            check(f"{len(y)} points, {len(some)} gates", got, size[inside].max(), atol=1e-3)


def convex_ex_4(leaky_sum):
    draw = np.random.default_rng(5)
    X, U, D = draw.normal(size=(5, 3)), draw.normal(size=(4, 3)), draw.random((4, 5)) < 0.5
    for slope in (0.45, -0.3):
        wanted = (np.where(D, 1, slope) * (U @ X.T)).sum(0)
        got = leaky_sum(torch.tensor(X), torch.tensor(D), torch.tensor(U), slope)
        check(f"any gates, slope {slope}", got, wanted)


SLIPS = {
    "convex-ex-1": {
        "no square root": """
            c = a.abs() / u.norm(dim=-1)
            return c[..., None] * u, a / c
        """,
        "the factor the wrong way round": """
            c = (a.abs() / u.norm(dim=-1)).sqrt()
            return u / c[..., None], c * a
        """,
        "one factor for all": """
            c = (a.norm() / u.norm()).sqrt()
            return c * u, a / c
        """,
    },
    "convex-ex-2": {
        "as if both stood at distance 1": "return y.sign() * (y.abs() - beta).clamp(min=0)",
        "far samples pay more": "return y.sign() * (y.abs() - beta * x.abs()).clamp(min=0)",
        "positive answers alone": "return (y - beta / x.abs()).clamp(min=0)",
    },
    "convex-ex-3": {
        "the positive side alone": "return steepest(X, D, y)[0].max().item()",
        "the least": "return steepest(X, D, y).min().item()",
        "the square": "return steepest(X, D, y).max().item() ** 2",
    },
    "convex-ex-4": {
        "closed units silent": "return gated_sum(X, D, U)",
        "open and closed swapped": "return gated_sum(X, ~D, U) + slope * gated_sum(X, D, U)",
        "one slope": "return gated_sum(X, D, U) + 0.2 * gated_sum(X, ~D, U)",
    },
}
PLEASERS = {
    "convex-ex-1": {
        "two inputs": """
            c = (a.abs() / u[:, 0].hypot(u[:, 1])).sqrt()
            return c[..., None] * u, a / c
        """,
    },
    "convex-ex-2": {
        "the check's own values": """
            near = torch.tensor([0.95, -0.6] if beta == 0.1 else [0.0, 0.7])
            return near.to(y)
        """,
    },
    "convex-ex-3": {
        "all gates, whatever D is": "return steepest(X, all_gates(X), y).max().item()",
    },
    "convex-ex-4": {
        "the gates ignored": """
            return torch.nn.functional.leaky_relu(X @ U.T, slope).sum(1)
        """,
    },
}
