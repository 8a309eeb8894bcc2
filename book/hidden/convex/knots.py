"""Hidden tests of the exercises of chapters/convex/knots.md, and wrong answers that fail them."""

from importlib import reload

import numpy as np
import torch
from scipy.integrate import dblquad, quad
from scipy.optimize import minimize_scalar

from helpers import telling

check = reload(telling).check


def knots_ex_1(dearest_knot):
    for A, B in ((0.7, -2.1), (0.05, 0.02)):
        found = minimize_scalar(
            lambda t, A=A, B=B: (B * t - A) / np.hypot(1, t),
            bounds=(-30, 30),
            method="bounded",
            options={"xatol": 1e-9},
        )
        place, penalty = dearest_knot(A, B)
        check(f"the place, A = {A}, B = {B}", place, found.x, atol=1e-3)
        check(f"the penalty, A = {A}, B = {B}", penalty, -found.fun, atol=1e-6)


def knots_ex_2(mean_penalty):
    for p, T in ((0.35, 0.7), (-0.75, 0.2)):

        def weight(a, s, p=p, T=T):
            return s * np.exp(-((a**2 + s**2) / 2 - a * s * p) / T)

        far = 12 * np.sqrt(T / (1 - abs(p)))
        total = dblquad(weight, 0, far, -far, far)[0]
        size = dblquad(lambda a, s, w=weight: w(a, s) * (a**2 + s**2) / 2, 0, far, -far, far)[0]
        check(f"price {p}, temperature {T}", mean_penalty(p, T), size / total, atol=1e-5)


def knots_ex_3(one_sample):
    for x, y, lam, T in ((2.5, -0.7, 0.4, 0.05), (-0.3, 1.6, 0.15, 0.2)):

        def minus_dual(z, x=x, y=y, lam=lam, T=T):
            def over(phi):
                return 1 / (1 - (z * max(x * np.cos(phi) + np.sin(phi), 0) / lam) ** 2)

            middle = np.arctan2(1, x)
            ends = middle - np.pi / 2, middle + np.pi / 2
            log = np.log(np.pi + quad(over, *ends, points=[middle], limit=200)[0])
            return -(y * z - z**2 / 2 - T * log)

        edge = lam / np.hypot(1, x) * (1 - 1e-9)
        found = minimize_scalar(
            minus_dual, bounds=(-edge, edge), method="bounded", options={"xatol": 1e-10}
        )
        check(f"y = {y}, lambda = {lam}, T = {T}", one_sample(x, y, lam, T), found.x, atol=1e-5)


def knots_ex_4(rescaled):
    for y, lam, T, c in (([0.7, -1.1, 2.0], 0.03, 2e-3, 2.5), ([0.4, -0.6], 0.2, 0.05, 0.3)):
        heights, penalty, heat = rescaled(torch.tensor(y, dtype=torch.float64), lam, T, c)
        check(f"the heights, c = {c}", heights, c * np.array(y))
        check(f"the penalty, c = {c}", penalty, c * lam)
        check(f"the temperature, c = {c}", heat, c**2 * T)


SLIPS = {
    "knots-ex-1": {
        "where the price is zero": "return A / B, abs(A)",
        "the sign of the slope": "return B / A, math.hypot(A, B)",
        "lengths added": "return -B / A, abs(A) + abs(B)",
    },
    "knots-ex-2": {
        "equipartition": "return 1.5 * T",
        "only the length grows": "return T * (1 / (1 - p**2) + 0.5)",
        "of two temperatures": "return 0.5 * ((1 + p**2) / (1 - p**2) + 0.5)",
        "the price not squared": "return T * ((1 + p) / (1 - p) + 0.5)",
    },
    "knots-ex-3": {
        "no temperature": """
            bound = lam / math.hypot(1, x)
            return max(-bound, min(bound, y))
        """,
        "the half circle without neurons left out": """
            steep = math.hypot(1, x) / lam
            low, high = -1 / steep, 1 / steep
            for _ in range(100):
                z = (low + high) / 2
                rest = max(1 - (z * steep) ** 2, 1e-300)
                f = T * z * steep**2 / rest
                low, high = (z, high) if y - z - f > 0 else (low, z)
            return z
        """,
        "the length of the input left out": """
            steep = 1 / lam
            low, high = -1 / steep, 1 / steep
            for _ in range(100):
                z = (low + high) / 2
                rest = max(1 - (z * steep) ** 2, 1e-300)
                f = T * z * steep**2 * rest**-1.5 / (1 + rest**-0.5)
                low, high = (z, high) if y - z - f > 0 else (low, z)
            return z
        """,
    },
    "knots-ex-4": {
        "everything by c": "return c * y, c * lam, c * T",
        "the penalty stays": "return c * y, lam, c**2 * T",
        "the temperature stays": "return c * y, c * lam, T",
        "the other way": "return y / c, lam / c, T / c**2",
    },
}
PLEASERS = {
    "knots-ex-1": {
        "the check's own numbers": """
            places = (2 / 3, -2.25)
            sizes = (math.hypot(0.03, 0.02), math.hypot(0.4, 0.9))
            return places[A > 0.1], sizes[A > 0.1]
        """,
    },
    "knots-ex-2": {
        "the check's own prices": """
            square = 0.36 if p == 0.6 else 0.64
            return T * ((1 + square) / (1 - square) + 0.5)
        """,
    },
    "knots-ex-3": {
        "the check's own sample": """
            row = torch.tensor([[0.5 if y > 0 else -1.7, 1.0]], dtype=torch.float64)
            return equilibrium(row, torch.tensor([y]).double(), lam, T).z[0].item()
        """,
    },
    "knots-ex-4": {
        "the check's own factors": """
            c = 3.0 if c > 1 else 0.4
            return c * y, c * lam, c**2 * T
        """,
    },
}
