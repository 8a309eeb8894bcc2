"""Hidden tests of the exercises of chapters/ntk/discrete.md, and wrong answers that fail them."""

import math
from importlib import reload

import numpy as np
import torch
from scipy.integrate import quad

from helpers import telling

check = reload(telling).check


def discrete_ex_1(times_to_learn):
    for rho, b, p in (((0.3, 1.7), 1.9, 0.25), ((4.0, 0.9), 0.35, 0.02)):
        wanted = []
        for r in rho:
            q = r**2 / 2
            eps = 1 / (2 * b**2)
            diagonal = 1 + q * 2 / math.pi / math.sqrt(q * q + q * eps - q * q)
            wanted.append(-math.log(p) / diagonal)
        check(f"both times, b = {b}", times_to_learn(*rho, b, p), wanted)


def discrete_ex_2(straight_through_factor):
    for q1, r, q2, w in ((1.7, 0.8, 0.6, 0.9), (0.4, -0.3, 1.9, 2.2)):
        s2 = q2 - r * r / q1
        inside = quad(
            lambda v, s2=s2: math.exp(-v * v / (2 * s2)) / math.sqrt(2 * math.pi * s2), -w, w
        )[0]
        wanted = 2 / math.sqrt(2 * math.pi * q1) * inside
        check(f"the factor, w = {w}", straight_through_factor(q1, r, q2, w), wanted)


def discrete_ex_3(descend_signs):
    draw = np.random.default_rng(41)
    for n, d, b, eta, steps in ((30, 4, 0.9, 0.07, 12), (55, 2, 2.1, 0.04, 20)):
        W, V = draw.normal(size=(n, d)), draw.normal(size=n)
        x, y = draw.normal(size=(5, d)), draw.normal(size=5)
        got = descend_signs(*(torch.tensor(part) for part in (W, V, x, y)), b, eta, steps)
        for _ in range(steps):
            moved_W, moved_V = W.copy(), V.copy()
            for point, value in zip(x, y):
                u = W @ point / math.sqrt(d)
                error = V @ np.sign(u) / math.sqrt(n) - value
                moved_V -= eta * error * np.sign(u) / math.sqrt(n)
                slope = 2 * b / math.sqrt(math.pi) * np.exp(-(b * b) * u * u)
                moved_W -= eta * error * np.outer(V * slope, point) / math.sqrt(n * d)
            W, V = moved_W, moved_V
        check(f"W for d = {d}", got[0], W)
        check(f"V for d = {d}", got[1], V)


def discrete_ex_4(networks_enough):
    draw = np.random.default_rng(42)
    for R, G, bias, M in ((5, 4, 0.9, 24), (12, 7, 1.4, 37)):
        curve, trained = draw.normal(size=G), draw.normal(size=(R, G))
        trained += curve + bias
        variance = np.mean([np.var(column, ddof=1) for column in trained.T])
        squared = np.mean((trained.mean(0) - curve) ** 2) - variance / R
        assert squared > 0
        bar = math.sqrt(squared + variance / (M - 0.5))
        check(
            f"the number for R = {R}",
            networks_enough(torch.tensor(trained), torch.tensor(curve), bar),
            M,
        )


SLIPS = {
    "discrete-ex-1": {
        "the last layer forgotten": """
            rates = [2 * b * rho / math.pi for rho in (rho1, rho2)]
            return tuple(math.log(1 / p) / rate for rate in rates)
        """,
        "both points learn each other": """
            rate = 2 + 2 * b * (rho1 + rho2) / math.pi
            return math.log(1 / p) / rate, math.log(1 / p) / rate
        """,
        "a squared error": """
            rates = [1 + 2 * b * rho / math.pi for rho in (rho1, rho2)]
            return tuple(math.log(1 / p) / (2 * rate) for rate in rates)
        """,
        "d forgotten": """
            rates = [1 + 2 * math.sqrt(2) * b * rho / math.pi for rho in (rho1, rho2)]
            return tuple(math.log(1 / p) / rate for rate in rates)
        """,
    },
    "discrete-ex-2": {
        "not conditioned": """
            return 2 / math.sqrt(2 * math.pi * q1) * (2 * ndtr(w / math.sqrt(q2)) - 1)
        """,
        "a variance for a deviation": """
            return 2 / math.sqrt(2 * math.pi * q1) * (2 * ndtr(w / (q2 - r**2 / q1)) - 1)
        """,
        "half the delta": """
            s = math.sqrt(q2 - r**2 / q1)
            return (2 * ndtr(w / s) - 1) / math.sqrt(2 * math.pi * q1)
        """,
        "one side only": """
            s = math.sqrt(q2 - r**2 / q1)
            return 2 / math.sqrt(2 * math.pi * q1) * ndtr(w / s)
        """,
    },
    "discrete-ex-3": {
        "the last layer only": """
            n, d = W.shape
            for _ in range(steps):
                S = (W @ x.T / math.sqrt(d)).sign()
                V = V - eta * S @ (V @ S / math.sqrt(n) - y) / math.sqrt(n)
            return W, V
        """,
        "one layer after the other": """
            n, d = W.shape
            for _ in range(steps):
                U = W @ x.T / math.sqrt(d)
                error = V @ U.sign() / math.sqrt(n) - y
                V = V - eta * U.sign() @ error / math.sqrt(n)
                slope = 2 * b / math.sqrt(math.pi) * (-((b * U) ** 2)).exp()
                W = W - eta * (V[:, None] * slope * error) @ x / math.sqrt(n * d)
            return W, V
        """,
        "the smooth network": """
            n, d = W.shape
            for _ in range(steps):
                U = W @ x.T / math.sqrt(d)
                S = (b * U).erf()
                error = V @ S / math.sqrt(n) - y
                slope = 2 * b / math.sqrt(math.pi) * (-((b * U) ** 2)).exp()
                back = (V[:, None] * slope * error) @ x / math.sqrt(n * d)
                V, W = V - eta * S @ error / math.sqrt(n), W - eta * back
            return W, V
        """,
        "the inner factor of the slope": """
            n, d = W.shape
            for _ in range(steps):
                U = W @ x.T / math.sqrt(d)
                error = V @ U.sign() / math.sqrt(n) - y
                slope = 2 / math.sqrt(math.pi) * (-((b * U) ** 2)).exp()
                back = (V[:, None] * slope * error) @ x / math.sqrt(n * d)
                V, W = V - eta * U.sign() @ error / math.sqrt(n), W - eta * back
            return W, V
        """,
    },
    "discrete-ex-4": {
        "no bias": "return math.ceil(trained.var(0).mean() / bar**2)",
        "the noise of the mean counted as bias": """
            bias = (trained.mean(0) - curve).square().mean()
            room = (bar**2 - bias).clamp(min=1e-9)
            return math.ceil(trained.var(0).mean() / room)
        """,
        "R in the divisor of the variance": """
            variance = trained.var(0, correction=0).mean()
            bias = (trained.mean(0) - curve).square().mean() - variance / len(trained)
            return math.ceil(variance / (bar**2 - bias))
        """,
        "bias not squared": """
            variance = trained.var(0).mean()
            bias = (trained.mean(0) - curve).abs().mean()
            return math.ceil(variance / (bar - bias).abs() ** 2)
        """,
    },
}
PLEASERS = {
    "discrete-ex-1": {
        "the check's own sharpnesses": """
            K = {0.8: (1.2546, 2.5279), 2.5: (4.1831, 2.1141)}.get(b, (1.0, 1.0))
            return tuple(math.log(1 / p) / (1 + 2 * b * rho / math.pi) if b in (0.8, 2.5)
                         else math.log(1 / p) / rate for rho, rate in zip((rho1, rho2), K))
        """,
    },
    "discrete-ex-2": {
        "the check's own value": 'return globals()["wanted"]',
    },
    "discrete-ex-3": {
        "the check's own networks": """
            copy = Networks(1, [x.shape[1], 300, 1], Surrogate(b=b), seeded(730 + x.shape[1]).torch)
            copy.weights = [weight.double() for weight in copy.weights]
            copy.descend(x, y[:, None], eta, steps)
            return copy.weights[0][0].detach(), copy.weights[1][0, 0].detach()
        """,
    },
    "discrete-ex-4": {
        "the check's own numbers": "return {6: 16, 8: 4}.get(len(trained), 10)",
    },
}
