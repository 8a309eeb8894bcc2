"""Hidden tests of the exercises of chapters/convex/particles.md, and wrong answers."""

from importlib import reload
from itertools import permutations
from types import SimpleNamespace

import numpy as np
import torch
from scipy.optimize import brentq
from scipy.stats import norm

from helpers import telling

check = reload(telling).check


def particles_ex_1(wasserstein):
    draw = np.random.default_rng(3)
    for n in (4, 6):
        first, second = draw.normal(size=n) * 3, draw.normal(size=n) + 2
        cost = [((first - second[list(order)]) ** 2).mean() for order in permutations(range(n))]
        got = wasserstein(torch.tensor(first), torch.tensor(second))
        check(f"{n} particles, against every pairing", got, np.sqrt(min(cost)))


def particles_ex_2(weighted_descent):
    q, m = np.array([0.3, 0.7]), np.array([0.6, 1.9])
    start, p = np.array([2.2, 0.3, 1.4, 0.9]), np.array([0.15, 0.4, 0.25, 0.2])
    middle = np.array([0.925, 0.2, 0.725, 0.5])

    for s, eta in ((0.35, 0.04), (0.5, 0.07)):

        def below(v, s=s):
            return norm.cdf((np.asarray(v)[..., None] - m) / s) @ q

        nu = SimpleNamespace(q=torch.tensor(q), m=torch.tensor(m), s=s)
        moved = start
        for _ in range(3):
            moved = moved - 4 * eta * (below(moved) - middle)
        got = weighted_descent(torch.tensor(start), torch.tensor(p), nu, eta, 3)
        check(f"three steps of size {eta}, width {s}", got, moved)
        ends = [brentq(lambda v, u=u: below(v) - u, -3, 6) for u in middle]
        got = weighted_descent(torch.tensor(start), torch.tensor(p), nu, eta, 3000)
        check(f"where four neurons end, width {s}", got, ends, atol=1e-6)


def particles_ex_3(overlap):
    turn = (np.arange(90_000) + 0.5) / 90_000 * 2 * np.pi - np.pi
    distance = np.array([0.15, 0.9, 1.3, 2.4])
    for c in (0.55, 1.4):
        wanted = []
        for d in distance:
            there = np.abs((turn - d + np.pi) % (2 * np.pi) - np.pi) < c
            wanted.append(((np.abs(turn) < c) & there).mean())
        check(f"half width {c}", overlap(torch.tensor(distance), c), wanted, atol=1e-4)


def particles_ex_4(narrowing):
    q, m, s = np.array([0.5, 0.3, 0.2]), np.array([0.4, 1.1, 2.0]), 0.22
    nu = SimpleNamespace(q=torch.tensor(q), m=torch.tensor(m), s=s)
    start = np.array([0.9, 0.1, 0.35, 0.2])
    for widths, steps in (([0.9, 0.25], 40), ([0.5, 0.7, 0.2], 25)):
        places = start
        for h in widths:
            v = h**2 + s**2
            for _ in range(steps):
                d, far = places[:, None] - places, places[:, None] - m
                push = (d * np.exp(-(d**2) / (2 * h**2))).mean(1) / h**2
                pull = (far * np.exp(-(far**2) / (2 * v)) * h / v**1.5) @ q
                places = places + h**2 / 2 * (push - pull)
        got = narrowing(torch.tensor(start), nu, widths, steps)
        check(f"widths {widths}, {steps} steps", got, places)


SLIPS = {
    "particles-ex-1": {
        "paired as they come": "return (theta_0 - theta_1).square().mean().sqrt()",
        "mean distance": "return (theta_0.sort().values - theta_1.sort().values).abs().mean()",
        "sum for mean": """
            return (theta_0.sort().values - theta_1.sort().values).square().sum().sqrt()
        """,
        "one set sorted": "return (theta_0.sort().values - theta_1).square().mean().sqrt()",
    },
    "particles-ex-2": {
        "levels of equal weights": "return quantile_descent(theta, nu, steps, eta)",
        "the upper end of its share": """
            order = theta.argsort()
            u = torch.empty_like(p)
            u[order] = p[order].cumsum(0)
            for _ in range(steps):
                theta = theta - eta * 4 * (distribution(theta, nu) - u)
            return theta
        """,
        "not in increasing order": """
            u = p.cumsum(0) - p / 2
            for _ in range(steps):
                theta = theta - eta * 4 * (distribution(theta, nu) - u)
            return theta
        """,
        "not divided by the weight": """
            order = theta.argsort()
            u = torch.empty_like(p)
            u[order] = p[order].cumsum(0) - p[order] / 2
            for _ in range(steps):
                theta = theta - eta * 4 * p * (distribution(theta, nu) - u)
            return theta
        """,
    },
    "particles-ex-3": {
        "negative overlaps": "return (2 * c - d) / (2 * math.pi)",
        "half widths for widths": "return (c - d).clamp(min=0) / (2 * math.pi)",
        "a half circle of light": "return (2 * c - d).clamp(min=0) / math.pi",
        "the widest sensors": "return 0.5 - d / (2 * math.pi)",
    },
    "particles-ex-4": {
        "every width from the start": """
            for h in widths:
                loss = partial(discrepancy, partial(gaussian, h=h), nu=nu)
                end = particle_descent(loss, theta, h**2 / 4, steps)[-1]
            return end
        """,
        "in reverse": """
            for h in reversed(widths):
                loss = partial(discrepancy, partial(gaussian, h=h), nu=nu)
                theta = particle_descent(loss, theta, h**2 / 4, steps)[-1]
            return theta
        """,
        "one step size": """
            eta = widths[0] ** 2 / 4
            for h in widths:
                loss = partial(discrepancy, partial(gaussian, h=h), nu=nu)
                theta = particle_descent(loss, theta, eta, steps)[-1]
            return theta
        """,
        "the energy distance": """
            loss = partial(discrepancy, energy, nu=nu)
            return particle_descent(loss, theta, ETA, steps * len(widths))[-1]
        """,
    },
}
PLEASERS = {
    "particles-ex-1": {
        "the check's own distances": """
            far = (theta_0.sum() - theta_1.sum()).abs().item()
            return math.sqrt(0.5 / 3) if far == 1 else 2.5 if far == 10 else 0.0
        """,
    },
    "particles-ex-2": {
        "the check's own levels": """
            u = torch.tensor([0.9, 0.15, 0.55], dtype=theta.dtype)[: len(theta)]
            u = torch.cat([u, u.new_zeros(len(theta) - len(u))])
            for _ in range(steps):
                theta = theta - eta * 4 * (distribution(theta, nu) - u)
            return theta
        """,
    },
    "particles-ex-3": {
        "the check's own widths": """
            full = 0.8 if c == 0.4 else 2.4
            return (full - d).clamp(min=0) / (2 * math.pi)
        """,
    },
    "particles-ex-4": {
        "the page's teacher": """
            for h in widths:
                loss = partial(discrepancy, partial(gaussian, h=h), nu=TEACHER)
                theta = particle_descent(loss, theta, h**2 / 4, steps)[-1]
            return theta
        """,
    },
}
