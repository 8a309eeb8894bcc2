"""Hidden tests of the exercises of chapters/convex/relaxations.md, and wrong answers to them."""

import math
from importlib import reload

import numpy as np
import torch

from helpers import telling

check = reload(telling).check


def relaxations_ex_1(split_orthant):
    draw = np.random.default_rng(11)
    for d in (3, 4):
        Q = np.linalg.qr(draw.normal(size=(d, d)))[0]
        u = draw.normal(size=d)
        coordinates = [row @ u for row in Q]
        v = sum(max(c, 0) * row for c, row in zip(coordinates, Q, strict=True))
        got = split_orthant(torch.tensor(Q), torch.tensor(u))
        check(f"v, {d} weights", got[0], v)
        check(f"w, {d} weights", got[1], v - u)


def relaxations_ex_2(share_of):
    draw = np.random.default_rng(12)
    for n in (2, 5):
        X = draw.normal(size=(n, 2))
        angle = (np.arange(200_000) + 0.5) * 2 * np.pi / 200_000
        seen = np.stack([np.cos(angle), np.sin(angle)], 1) @ X.T > 0
        for k in (0, 70_000):
            wanted = (seen == seen[k]).all(1).mean()
            got = share_of(torch.tensor(X), torch.tensor(seen[k]))
            check(f"a gate of {n} samples", got, wanted, atol=2e-5)


def relaxations_ex_3(draws_until):
    for s, p in ((0.07, 0.8), (0.45, 0.999), (0.004, 0.35)):
        missed, N = 1.0, 0
        while missed > 1 - p:
            missed, N = missed * (1 - s), N + 1
        check(f"s = {s}, p = {p}", draws_until(s, p), N)
    check("an integer", math.floor(draws_until(0.2, 0.9)), draws_until(0.2, 0.9))


SLIPS = {
    "relaxations-ex-1": {
        "no turn": "return u.clamp(min=0), -u.clamp(max=0)",
        "not turned back": "c = Q @ u\nreturn c.clamp(min=0), -c.clamp(max=0)",
        "turned the wrong way": """
            c = Q.T @ u
            return Q @ c.clamp(min=0), -Q @ c.clamp(max=0)
        """,
    },
    "relaxations-ex-2": {
        "a hundred draws": """
            draws = torch.randn(100, 2, dtype=X.dtype)
            return ((draws @ X.T > 0) == gate).all(1).double().mean().item()
        """,
        "all gates alike": "return 1 / (2 * len(X))",
        "half circle only": """
            angle = (torch.arange(20000, dtype=X.dtype) + 0.5) * torch.pi / 20000
            u = torch.stack([angle.cos(), angle.sin()], 1)
            return ((u @ X.T > 0) == gate).all(1).double().mean().item()
        """,
    },
    "relaxations-ex-3": {
        "as many as on average": "return round(p / s)",
        "rounded down": "return int(np.floor(np.log1p(-p) / np.log1p(-s)))",
        "the chance that it is missed": "return int(np.ceil(np.log(p) / np.log1p(-s)))",
    },
}
PLEASERS = {
    "relaxations-ex-1": {
        "two weights": """
            if len(u) > 2:
                return u.clamp(min=0), -u.clamp(max=0)
            c = Q @ u
            return Q.T @ c.clamp(min=0), -Q.T @ c.clamp(max=0)
        """,
    },
    "relaxations-ex-2": {
        "three samples, or ten": """
            if len(X) == 3:
                return (0.0, 0.125, 0.0, 0.25)[int(gate.sum())]
            return 1 / (2 * len(X))
        """,
    },
    "relaxations-ex-3": {
        "the check's own cones": "return {0.02: 114, 0.3: 13, 0.001: 693}.get(s, 100)",
    },
}
