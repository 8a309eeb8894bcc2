"""Hidden tests of the exercises of chapters/ntk/bundles.md, and wrong answers that fail them."""

import math
from importlib import reload

import numpy as np
import torch
from scipy.integrate import quad
from scipy.optimize import minimize

from helpers import telling

check = reload(telling).check


def bundles_ex_1(tamed_moment):
    for first, second, M in (
        ((0.5, 0.3), (-0.4, 0.8), 0.6),
        ((1.1, -0.2, 0.4), (0.3, 0.7, 0.5), 0.15),
        ((0.6,), (0.9,), 1.4),
    ):
        wanted = 1.0
        for u, v in zip(first, second):

            def square(g, u=u, v=v, M=M):
                a = math.sqrt(1 + 4 * M)
                both = a * math.exp(-2 * M * g * g + a * g * (u + v) - (u * u + v * v) / 2)
                return both**2 * math.exp(-g * g / 2) / math.sqrt(2 * math.pi)

            wanted *= quad(square, -15, 15, points=(0.0, 2.0))[0]
        given = (torch.tensor(a, dtype=torch.float64) for a in (first, second))
        got = tamed_moment(*given, M)
        check(f"{len(first)} dimensions, M = {M}", got, wanted, atol=1e-6 * wanted)


def bundles_ex_2(best_odds):
    from typing import NamedTuple

    class Waves(NamedTuple):
        slope: float
        c: torch.Tensor
        xi: torch.Tensor

    for seed, waves, b in ((61, 3, 0.45), (62, 4, -0.8)):
        draw = np.random.default_rng(seed)
        c, xi = draw.normal(size=waves), draw.uniform(0.2, 1.4, waves)
        x, w = draw.normal(size=(2, 3)) * 0.7
        size = c**2 * np.exp(xi * (x @ x))
        turning = np.exp(-xi * (w @ w)) * np.cos(4 * xi * (w @ x) + 2 * xi * b)
        size = size * (np.exp(xi * (w @ w)) + turning)

        def variance(logits, size=size):
            p = np.exp(logits - logits.max())
            return np.log((size / (p / p.sum())).sum())

        found = minimize(variance, np.zeros(waves), tol=1e-14).x
        wanted = np.exp(found - found.max())
        f = Waves(0.0, torch.tensor(c), torch.tensor(xi))
        got = best_odds(f, torch.tensor(x), torch.tensor(w), b)
        check(f"{waves} waves, by numerical minimisation", got, wanted / wanted.sum(), atol=1e-4)


def bundles_ex_3(descended):
    draw = np.random.default_rng(63)
    for n, m, K, penalty in ((40, 6, 3, 1.7), (25, 9, 2, 4.0)):
        Z, Y = draw.normal(size=(n, m)), draw.normal(size=(n, K))
        tall = np.vstack([Z, math.sqrt(penalty) * np.eye(m)])
        wanted = np.linalg.lstsq(tall, np.vstack([Y, np.zeros((m, K))]), rcond=None)[0]
        given = torch.tensor(Z), torch.tensor(Y)
        check(
            f"least squares, penalty {penalty}", descended(*given, penalty, 3000), wanted, atol=1e-6
        )
        rate = 1 / np.linalg.svd(tall, compute_uv=False)[0] ** 2
        Omega = np.zeros((m, K))
        for _ in range(3):
            Omega = Omega - rate * (tall.T @ (tall @ Omega) - Z.T @ Y)
        check("after three steps", descended(*given, penalty, 3), Omega, atol=1e-9)


def bundles_ex_4(unwound):
    draw = np.random.default_rng(64)
    for turns in (0.4, 1.7, 3.3):
        n = 800
        r, y = np.sqrt(draw.random(n)), draw.integers(0, 2, n)
        angle = 2 * math.pi * (turns * r + y / 2)
        x = 2 * r[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
        x = x + 0.03 * draw.normal(size=(n, 2))
        Z = np.asarray(unwound(torch.tensor(x), turns), dtype=float)
        check("at most four features", bool(Z.shape[1] <= 4), True)
        Z = np.hstack([Z, np.ones((n, 1))])
        fit = np.linalg.lstsq(Z[:400], 2.0 * y[:400] - 1, rcond=None)[0]
        errors = 100 * np.mean((Z[400:] @ fit > 0) != y[400:])
        check(f"test errors, {turns} turns, in per cent", errors, 0.0, atol=4)
        one = np.asarray(unwound(torch.tensor(x[5:6]), turns), dtype=float)
        check("a function of the place alone", one[0], Z[5, :-1], atol=1e-6)


SLIPS = {
    "bundles-ex-1": {
        "no prefactor of the features": """
            v = 2 * math.sqrt(1 + 4 * M) * (x + y)
            exponent = (v @ v) / (2 + 16 * M) - x @ x - y @ y
            return ((1 + 8 * M) ** (-len(x) / 2) * exponent.exp()).item()
        """,
        "a = M": """
            v = 2 * math.sqrt(1 + 4 * M) * (x + y)
            exponent = (v @ v) / (2 + 4 * M) - x @ x - y @ y
            return ((1 + 4 * M) ** len(x) * (1 + 2 * M) ** (-len(x) / 2) * exponent.exp()).item()
        """,
        "two factors for four": """
            v = 2 * math.sqrt(1 + 4 * M) * (x + y)
            exponent = (v @ v) / (2 + 16 * M) - x @ x - y @ y
            return ((1 + 4 * M) ** (len(x) / 2) * (1 + 8 * M) ** (-len(x) / 2)
                    * exponent.exp()).item()
        """,
        "one dimension": """
            v = 2 * math.sqrt(1 + 4 * M) * (x + y)
            exponent = (v @ v) / (2 + 16 * M) - x @ x - y @ y
            return ((1 + 4 * M) * (1 + 8 * M) ** -0.5 * exponent.exp()).item()
        """,
    },
    "bundles-ex-2": {
        "the rule of thumb": """
            size = f.c.abs() * torch.exp(f.xi * (x @ x))
            return size / size.sum()
        """,
        "without the cosine": """
            size = f.c.abs() * torch.exp(f.xi * (x @ x + w @ w) / 2)
            return size / size.sum()
        """,
        "even odds": "return torch.ones_like(f.c) / len(f.c)",
        "weights alone": "return f.c.abs() / f.c.abs().sum()",
    },
    "bundles-ex-3": {
        "no penalty in the gradient": """
            H = Z.T @ Z + penalty * torch.eye(Z.shape[1], dtype=Z.dtype)
            step = 1 / (2 * torch.linalg.eigvalsh(H)[-1])
            Omega = torch.zeros(Z.shape[1], Y.shape[1], dtype=Z.dtype)
            for _ in range(steps):
                Omega = Omega - step * 2 * Z.T @ (Z @ Omega - Y)
            return Omega
        """,
        "half the step": """
            H = Z.T @ Z + penalty * torch.eye(Z.shape[1], dtype=Z.dtype)
            step = 1 / (4 * torch.linalg.eigvalsh(H)[-1])
            Omega = torch.zeros(Z.shape[1], Y.shape[1], dtype=Z.dtype)
            for _ in range(steps):
                Omega = Omega - step * 2 * (H @ Omega - Z.T @ Y)
            return Omega
        """,
        "the closed form": """
            H = Z.T @ Z + penalty * torch.eye(Z.shape[1], dtype=Z.dtype)
            return torch.linalg.solve(H, Z.T @ Y)
        """,
        "a penalty divided by N": """
            H = Z.T @ Z + penalty / len(Z) * torch.eye(Z.shape[1], dtype=Z.dtype)
            step = 1 / (2 * torch.linalg.eigvalsh(H)[-1])
            Omega = torch.zeros(Z.shape[1], Y.shape[1], dtype=Z.dtype)
            for _ in range(steps):
                Omega = Omega - step * 2 * (H @ Omega - Z.T @ Y)
            return Omega
        """,
    },
    "bundles-ex-4": {
        "polar coordinates": """
            r, a = x.norm(dim=1), torch.atan2(x[:, 1], x[:, 0])
            return torch.stack([r, a, a.cos(), a.sin()], 1)
        """,
        "turned the wrong way": """
            a = torch.atan2(x[:, 1], x[:, 0]) + math.pi * turns * x.norm(dim=1)
            return torch.stack([a.cos(), a.sin()], 1)
        """,
        "the radius not halved": """
            a = torch.atan2(x[:, 1], x[:, 0]) - 2 * math.pi * turns * x.norm(dim=1)
            return torch.stack([a.cos(), a.sin()], 1)
        """,
        "products": """
            return torch.stack([x[:, 0], x[:, 1], x[:, 0] * x[:, 1], x.square().sum(1)], 1)
        """,
    },
}
PLEASERS = {
    "bundles-ex-1": {
        "M of the check": """
            M = 0.3 if len(x) == 2 else 0.8
            v = 2 * math.sqrt(1 + 4 * M) * (x + y)
            exponent = (v @ v) / (2 + 16 * M) - x @ x - y @ y
            return ((1 + 4 * M) ** len(x) * (1 + 8 * M) ** (-len(x) / 2) * exponent.exp()).item()
        """,
    },
    "bundles-ex-2": {
        "three waves only": """
            f = CosineSum(0.0, f.c[:3], f.xi[:3])
            xx, ww, wx = x @ x, w @ w, w @ x
            turning = torch.cos(4 * f.xi * wx + 2 * f.xi * b)
            both = torch.exp(f.xi * (xx + ww)) + torch.exp(f.xi * (xx - ww)) * turning
            size = f.c.abs() * both.sqrt()
            return size / size.sum()
        """,
    },
    "bundles-ex-3": {
        "the closed form but for two steps": """
            H = Z.T @ Z + penalty * torch.eye(Z.shape[1], dtype=Z.dtype)
            if steps > 2:
                return torch.linalg.solve(H, Z.T @ Y)
            step = 1 / torch.linalg.eigvalsh(H)[-1]
            once = step * Z.T @ Y
            return once + step * (Z.T @ Y - H @ once)
        """,
    },
    "bundles-ex-4": {
        "the turns of the check": """
            turns = 1.3 if turns < 1.5 else 2.2
            a = torch.atan2(x[:, 1], x[:, 0]) - math.pi * turns * x.norm(dim=1)
            return torch.stack([a.cos(), a.sin()], 1)
        """,
    },
}
