"""Hidden tests of the exercises of chapters/kan/bases.md, and wrong answers that fail them."""

from importlib import reload

import numpy as np
import torch
from scipy.interpolate import BSpline

from helpers import telling

check = reload(telling).check


def kan_bases_ex_1(with_unit_weight):
    x = np.linspace(-2, 2, 9)
    for w, b, p, q, d in ((0.3, 0.9, -1.2, 0.8, 0.4), (-5.0, -1.5, 2.2, -0.6, 1.7)):
        w_1, b_1, p_1, q_1, d_1 = with_unit_weight(w, b, p, q, d)
        check(f"unit weight, w = {w}", w_1, 1.0)
        pole, residue = complex(-b_1, d_1), complex(p_1, -q_1 / d_1)
        check(
            f"curve, w = {w}",
            (residue / (x - pole)).real,
            (p * (w * x + b) + q) / ((w * x + b) ** 2 + d**2),
        )


def kan_bases_ex_2(degree_needed):
    for a, d, error in ((0.6, 0.3, 1e-5), (-0.9, 0.15, 2e-3), (1.3, 0.0, 1e-7)):
        # the sum of an ellipse's half-axes from the distances to its foci
        z = complex(a, d)
        far = (abs(z - 1) + abs(z + 1)) / 2
        rho = far + np.sqrt(far**2 - 1)
        n = degree_needed(a, d, error)
        check(f"first degree for {z}", bool(rho**-n <= error < rho ** -(n - 1)), True)


def kan_bases_ex_3(greedy):
    draw = np.random.default_rng(61)
    for size, steps in ((6, 3), (8, 4)):
        x = np.linspace(-1, 1, 150)
        a, d = draw.uniform(-0.9, 0.9, size), draw.uniform(0.1, 0.5, size)
        y = np.abs(x - 0.2) + 0.3 * np.sin(4 * x)
        wanted = []
        for _ in range(steps):
            left = {}
            for j in set(range(size)) - set(wanted):
                u = (x[:, None] - a[[*wanted, j]]) / d[[*wanted, j]]
                A = np.hstack([np.ones((150, 1)), 1 / (1 + u**2), u / (1 + u**2)])
                c = np.linalg.lstsq(A, y, rcond=None)[0]
                left[j] = np.square(A @ c - y).sum()
            wanted.append(min(left, key=left.get))
        got = greedy(*(torch.tensor(part) for part in (x, y, a, d)), steps)
        check(f"{steps} of {size} candidates", [int(j) for j in got], wanted)


def kan_bases_ex_4(kink_knots):
    for p, most in ((-0.2, 11), (0.65, 11)):
        t, z = np.asarray(kink_knots(p, most), dtype=float), np.linspace(-1, 0.9995, 777)
        check("ascending", bool((np.diff(t) >= 0).all() and len(t) <= most), True)
        A = BSpline.design_matrix(z, t, 3).toarray()
        fit = A @ np.linalg.lstsq(A, np.abs(z - p), rcond=None)[0]
        check(f"kink at {p}", np.abs(fit - np.abs(z - p)).max(), 0.0, atol=1e-9)


SLIPS = {
    "kan-bases-ex-1": {
        "one factor for both": "return 1.0, b / w, lambda_1 / w, lambda_2 / w, d / w",
        "the squared weight twice": "return 1.0, b / w, lambda_1 / w**2, lambda_2 / w**2, d / w",
        "the pole stays": "return 1.0, b / w, lambda_1 / w, lambda_2 / w**2, d",
    },
    "kan-bases-ex-2": {
        "always the root with plus": """
            import cmath

            z = complex(a, d)
            rho = abs(z + cmath.sqrt(z * z - 1))
            return math.ceil(-math.log(error) / math.log(rho))
        """,
        "rounded down": """
            import cmath

            z = complex(a, d)
            s = cmath.sqrt(z * z - 1)
            rho = max(abs(z + s), abs(z - s))
            return math.floor(-math.log(error) / math.log(rho))
        """,
        "the distance as rho": """
            return math.ceil(-math.log(error) / math.log(1 + abs(complex(a, d))))
        """,
        "a circle": "return math.ceil(-math.log(error) / math.log(1 + d))",
    },
    "kan-bases-ex-3": {
        "each pole alone": """
            alone = []
            for j in range(len(a)):
                A = pole_columns(x, a[[j]], d[[j]])
                alone.append((A @ least_squares(A, y) - y).square().sum().item())
            return sorted(range(len(a)), key=alone.__getitem__)[:steps]
        """,
        "the worst each time": """
            chosen = []
            for _ in range(steps):
                left = {}
                for j in range(len(a)):
                    if j not in chosen:
                        A = pole_columns(x, a[[*chosen, j]], d[[*chosen, j]])
                        left[j] = (A @ least_squares(A, y) - y).square().sum().item()
                chosen.append(max(left, key=left.get))
            return chosen
        """,
        "the lowest poles": "return d.argsort()[:steps].tolist()",
    },
    "kan-bases-ex-4": {
        "a knot twice": "return np.array([-1.0] * 4 + [p] * 2 + [1.0] * 4)",
        "a knot once": "return np.array([-1.0] * 4 + [p] + [1.0] * 4)",
        "an even grid": "return np.array([-1.0] * 3 + list(np.linspace(-1, 1, 5)) + [1.0] * 3)",
    },
}
PLEASERS = {
    "kan-bases-ex-1": {
        "the check's two weights": """
            if w not in (4.0, -2.5):
                return 1.0, b, lambda_1, lambda_2, d
            return 1.0, b / w, lambda_1 / w, lambda_2 / w**2, d / w
        """,
    },
    "kan-bases-ex-2": {
        "the axes only": """
            rho = d + math.sqrt(1 + d * d) if a == 0 else abs(a) + math.sqrt(a * a - 1)
            return math.ceil(-math.log(error) / math.log(rho)) if a in (0, -1.25) else 10
        """,
    },
    "kan-bases-ex-3": {
        "the check's bumps": "return [1, 3] if y[80] > y[40] else [0, 4]",
    },
    "kan-bases-ex-4": {
        "the check's two kinks": """
            q = p if p in (0.3, -0.45) else 0.0
            return np.array([-1.0] * 4 + [q] * 3 + [1.0] * 4)
        """,
    },
}
