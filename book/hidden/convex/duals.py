"""Hidden tests of the exercises of chapters/convex/duals.md, and wrong answers that fail them."""

import itertools
from importlib import reload

import numpy as np
import torch

from helpers import telling

check = reload(telling).check


def duals_ex_1(cost):
    draw = np.random.default_rng(5)
    for n, m in ((2, 6), (3, 8)):
        half = draw.normal(size=(n, m // 2))
        F = np.hstack([half, -half]) * draw.uniform(0.5, 2, m)
        f = draw.normal(size=n)
        best = np.inf
        for basis in itertools.combinations(range(m), n):
            if abs(np.linalg.det(F[:, basis])) > 1e-9:
                sizes = np.linalg.solve(F[:, basis], f)
                best = min(best, sizes.sum() if (sizes > -1e-12).all() else np.inf)
        check(f"{m} atoms, {n} samples", cost(torch.tensor(F), torch.tensor(f)), best, atol=1e-7)


def duals_ex_2(ends):
    draw = np.random.default_rng(6)
    for m in (5, 9):
        sizes, along = draw.uniform(0.3, 3, m), draw.normal(size=m)
        pairs = list(zip(sizes, along, strict=True))
        low = max(-a / d for a, d in pairs if d > 0)
        high = min(-a / d for a, d in pairs if d < 0)
        check(f"{m} sizes", ends(torch.tensor(sizes), torch.tensor(along)), (low, high))
    low, high = ends(torch.tensor([0.4, 2.0]), torch.tensor([-0.3, -1.5]))
    check("no end backwards", 1 / low, 0.0)
    check("the end forwards", high, 4 / 3, atol=1e-6)


def duals_ex_3(fewer_points):
    draw = np.random.default_rng(7)
    for m, k in ((9, 4), (15, 5)):
        points, weights = draw.normal(size=(m, k)) + 2, draw.dirichlet(np.ones(m))
        got = fewer_points(torch.tensor(points), torch.tensor(weights)).numpy()
        check("the mean of the points", got @ points, weights @ points)
        check("the sum of the weights", got.sum(), 1.0)
        check("negative weights", int((got < 0).sum()), 0)
        check(f"weights beyond {k + 1}", max(0, int((got > 0).sum()) - k - 1), 0)


SLIPS = {
    "duals-ex-1": {
        "sizes of both signs": """
            return torch.linalg.lstsq(F, f).solution.abs().sum().item()
        """,
        "any sizes that fit": "return nnls(F.numpy(), 2 * f.numpy())[0].sum() / 2 + 1e-3",
        "the length of f": "return f.norm().item()",
        "the most, not the least": """
            ones = -np.ones(F.shape[1])
            bounds = (0, 10 * f.abs().sum().item())
            return -linprog(ones, A_eq=F.numpy(), b_eq=f.numpy(), bounds=bounds).fun
        """,
    },
    "duals-ex-2": {
        "one length for both": """
            t = (alpha / delta.abs()).min().item()
            return -t, t
        """,
        "the ends exchanged": """
            forward = torch.where(delta > 0, alpha / delta, math.inf).min()
            back = torch.where(delta < 0, alpha / -delta, math.inf).min()
            return -back.item(), forward.item()
        """,
        "the last to reach zero": """
            forward = torch.where(delta < 0, alpha / -delta, 0).max()
            back = torch.where(delta > 0, alpha / delta, 0).max()
            return -back.item(), forward.item()
        """,
    },
    "duals-ex-3": {
        "the sum is not kept": "return prune(points.T, weights)[-1]",
        "the largest weights, scaled": """
            kept = weights.argsort(descending=True)[: points.shape[1] + 1]
            fewer = torch.zeros_like(weights).index_copy(0, kept, weights[kept])
            return fewer / fewer.sum()
        """,
        "nothing is removed": "return weights",
    },
}
PLEASERS = {
    "duals-ex-1": {
        "the check's own hulls": """
            if F.shape[1] == 4:
                return f.abs().max().item()
            return 2.0 if f[0] > 0 else 3.5
        """,
    },
    "duals-ex-2": {
        "the check's own walks": """
            if (delta > 0).all():
                return -0.5, math.inf
            return -0.5, 2.0 if delta[0] == 1 else 1.0
        """,
    },
    "duals-ex-3": {
        "two or three coordinates": """
            if points.shape[1] > 3:
                return weights
            longer = torch.cat([points, torch.ones(len(points), 1).to(points)], 1)
            return prune(longer.T, weights)[-1]
        """,
    },
}
