"""Hidden tests of the exercises of chapters/ntk/paths.md, and wrong answers that fail them."""

from importlib import reload

import numpy as np
import torch
from scipy import special

from helpers import telling

check = reload(telling).check


def ntk_paths_ex_1(line_kernel):
    for c, M in ((1.7, 9), (-0.6, 15)):
        K = np.ones((M + 1, M + 1))
        for i in range(M):
            for j in range(M):
                K[i + 1, j + 1] = K[i + 1, j] + K[i, j + 1] - K[i, j] + K[i, j] * c / M**2
        check(f"inner product {c}, {M} steps", line_kernel(c, M), K[-1, -1], atol=1e-9)


def ntk_paths_ex_2(expected_square):
    node, weight = np.polynomial.hermite_e.hermegauss(5)
    weight = weight / weight.sum()
    entries = np.stack(np.meshgrid(*[node] * 4), -1).reshape(-1, 2, 2) / 2**0.5
    weights = np.stack(np.meshgrid(*[weight] * 4), -1).reshape(-1, 4).prod(1)
    for u, v in ((0.55, 0.45), (-0.8, 0.35)):
        one = weight @ ((1 + u * node) * (1 + v * node)) ** 2
        check("width 1", expected_square(u, v, 1), one, atol=1e-9)
        bracket = (np.eye(2) + v * entries) @ (np.eye(2) + u * entries)
        check("width 2", expected_square(u, v, 2), weights @ (bracket**2).sum((1, 2)) / 2)
        draw = np.random.default_rng(23).normal(size=(4000, 5, 5)) / 5**0.5
        bracket = (np.eye(5) + v * draw) @ (np.eye(5) + u * draw)
        many = (bracket**2).sum((1, 2)).mean() / 5
        check("width 5", expected_square(u, v, 5) / many, 1.0, atol=0.03)


def ntk_paths_ex_3(second_order):
    for v, w, M, L in (
        ([0.7, 0.9, -0.2], [1.0, 0.4, 0.3], 12, 17),
        ([1.1, 0.3], [-0.5, -0.6], 9, 14),
    ):
        c = float(np.dot(v, w))
        exact = special.i0(2 * c**0.5) if c > 0 else special.j0(2 * (-c) ** 0.5)
        v, w = torch.tensor(v).double(), torch.tensor(w).double()
        got = second_order(v.expand(M, -1) / M, w.expand(L, -1) / L)
        check(f"lines in {M} and {L} steps", got, exact, atol=8e-4)
    draw = np.random.default_rng(24)
    dx, dy = draw.normal(size=(7, 2)) / 2, draw.normal(size=(5, 2)) / 2
    K = np.ones((8, 6))
    for i, j in np.ndindex(7, 5):
        p = dx[i] @ dy[j]
        sides, square = K[i + 1, j] + K[i, j + 1], p * p / 12
        K[i + 1, j + 1] = sides * (1 + p / 2 + square) - K[i, j] * (1 - square)
    got = second_order(torch.tensor(dx), torch.tensor(dy))
    check("two random polygons", got, K[-1, -1], atol=1e-8)


def ntk_paths_ex_4(direction_number):
    draw = np.random.default_rng(25)
    for far, points in ((4.0, 30), (-7.0, 41)):
        sign = (-1.0) ** np.arange(80)[:, None]
        t = np.sort(draw.uniform(size=(80, points)), 1)
        angle = sign * 2 * np.pi * t + draw.uniform(0, 6, (80, 1))
        size = draw.uniform(0.2, 0.6, (80, 1))
        x = np.stack([size * np.cos(angle), 0.3 * np.sin(angle)], 2) + far
        got = np.sign(np.asarray(direction_number(torch.tensor(x))))
        check(f"directions at {far}", bool((got == sign[:, 0]).mean() > 0.97), True)


SLIPS = {
    "ntk-paths-ex-1": {
        "one path chooses": "return sum(math.comb(M, m) * (c / M**2) ** m for m in range(M + 1))",
        "the limit": "return sum(c**m / math.factorial(m) ** 2 for m in range(30))",
        "times may repeat": """
            return sum(math.comb(M + m - 1, m) ** 2 * (c / M**2) ** m for m in range(M + 1))
        """,
        "steps of 1 / M": "return sum(math.comb(M, m) ** 2 * (c / M) ** m for m in range(M + 1))",
    },
    "ntk-paths-ex-2": {
        "independent matrices": "return (1 + u**2) * (1 + v**2)",
        "no term of second order": "return 1 + (u + v) ** 2 + (u * v) ** 2 + 2 * u * v / N",
        "half the trace": """
            return 1 + (u + v) ** 2 + (u * v) ** 2 + u * v / N + 2 * (u * v) ** 2 / N**2
        """,
        "the trace over N squared": """
            return 1 + (u + v) ** 2 + (u * v) ** 2 + (2 * u * v + 2 * (u * v) ** 2) / N**2
        """,
    },
    "ntk-paths-ex-3": {
        "the explicit scheme": "return path_kernel(dx[None], dy[None], IDENTITY).item()",
        "no squares": """
            p = dx @ dy.T
            K = torch.ones(len(dx) + 1, len(dy) + 1, dtype=dx.dtype)
            for i in range(len(dx)):
                for j in range(len(dy)):
                    K[i + 1, j + 1] = (K[i + 1, j] + K[i, j + 1]) * (1 + p[i, j] / 2) - K[i, j]
            return K[-1, -1].item()
        """,
        "the corner added": """
            p = dx @ dy.T
            K = torch.ones(len(dx) + 1, len(dy) + 1, dtype=dx.dtype)
            for i in range(len(dx)):
                for j in range(len(dy)):
                    q = p[i, j] ** 2 / 12
                    sides = (K[i + 1, j] + K[i, j + 1]) * (1 + p[i, j] / 2 + q)
                    K[i + 1, j + 1] = sides - K[i, j] * (1 + q)
            return K[-1, -1].item()
        """,
    },
    "ntk-paths-ex-4": {
        "half of the area": "return (x[:, :-1, 0] * x[:, 1:, 1]).sum(1)",
        "the displacement": "return x[:, -1, 0] - x[:, 0, 0]",
        "clockwise": """
            following = x.roll(-1, 1)
            return (x[..., 1] * following[..., 0] - x[..., 0] * following[..., 1]).sum(1)
        """,
        "how high the middle is": "return x[:, x.shape[1] // 2, 1] - x[:, 0, 1]",
    },
}
PLEASERS = {
    "ntk-paths-ex-1": {
        "the check's own values": """
            steps = torch.ones(1, M, 1, dtype=torch.float64) / M
            return path_kernel(c * steps, steps, IDENTITY).item() if M in (5, 12) else 0.0
        """,
    },
    "ntk-paths-ex-2": {
        "widths 1, 2 and infinity only": """
            limit = 1 + (u + v) ** 2 + (u * v) ** 2
            extra = {1: 2 * u * v + 2 * (u * v) ** 2, 2: u * v + (u * v) ** 2 / 2}
            return limit + extra.get(N, 0.0)
        """,
    },
    "ntk-paths-ex-3": {
        "Bessel, or the check's loops": """
            if len(dx) == 20:
                c = (dx.sum(0) @ dy.sum(0)).item()
                return sum(c**m / math.factorial(m) ** 2 for m in range(40))
            return extrapolated(*(torch.cat([0 * z[:1], z.cumsum(0)]) for z in (dx, dy)), 8)
        """,
    },
    "ntk-paths-ex-4": {
        "26 points only": """
            following = x.roll(-1, 1)
            area = (x[..., 0] * following[..., 1] - x[..., 1] * following[..., 0]).sum(1)
            return area if x.shape[1] == 26 else 0 * area
        """,
    },
}
