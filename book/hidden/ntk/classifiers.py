"""Hidden tests of the exercises of chapters/ntk/classifiers.md, and wrong answers to them."""

from importlib import reload

import numpy as np
import torch

from helpers import telling

check = reload(telling).check


def classifiers_ex_1(cubic_for):
    for d in (2, 5, 7):
        c = np.array(cubic_for(d), float)
        check(f"S^{d}: the constant term", c[0], 0.0)
        check(f"S^{d}: value and slope at 1", (c.sum(), c @ np.arange(4)), (1.0, 2.0))
        # Schroeder's function by iteration: log kappa at two distances a factor 2^(k/2) apart.
        logs = []
        for gap in (1e-7, 1e-7 / 2**8):
            z, layers = 1 - gap, 0
            while z > 1e-9:
                z, layers = float(np.polynomial.polynomial.polyval(z, c)), layers + 1
            logs.append(np.log(z) - layers * np.log(c[1]))
        order = (logs[1] - logs[0]) / (np.log(2**8) / 2)
        check(f"S^{d}: the order of the pole", order, float(d), atol=1e-3)


def classifiers_ex_2(equal_votes):
    for c in ((0.4, 0.05, 0.05, 0.5), (0.1, 0.35, 0.15, 0.1, 0.3)):
        roots = np.polynomial.polynomial.polyroots(np.array(c) - np.eye(len(c))[1])
        real = [root.real for root in roots if abs(root.imag) < 1e-9 and 0 < root.real < 1 - 1e-6]
        slope = np.polynomial.polynomial.polyval(real[0], np.polynomial.polynomial.polyder(c))
        z, theta = equal_votes(c)
        check(f"z* for {c}", z, real[0], atol=1e-6)
        check(f"theta* for {c}", theta, real[0] / (1 - slope), atol=1e-5)


def classifiers_ex_3(quick_neighbour):
    for layers, seed in ((2, 51), (4, 52)):
        draw = np.random.default_rng(seed)
        c = np.array(quick_neighbour(layers), float)
        check(f"{layers} layers: a dual", (c.min() >= 0, round(c.sum(), 9)), (True, 1.0))
        plane = draw.uniform(-0.7, 0.7, size=(380, 2))
        points = np.concatenate([plane, np.ones((380, 1))], 1)
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        x, new = points[:80], points[80:]
        y = draw.choice([-1.0, 1.0], 80)

        def kernel(z, c=c, layers=layers):
            sigma = theta = np.minimum(z, 1)
            for _ in range(layers):
                slope = np.polynomial.polynomial.polyval(sigma, np.polynomial.polynomial.polyder(c))
                sigma = np.polynomial.polynomial.polyval(sigma, c)
                theta = slope * theta + sigma
            return theta

        z = x @ x.T
        np.fill_diagonal(z, 1.0)
        K = kernel(z)
        weights = np.linalg.solve(K + 1e-8 * K[0, 0] * np.eye(80), y)
        found = np.sign(kernel(new @ x.T) @ weights)
        same = (found == y[(new @ x.T).argmax(1)]).mean()
        check(f"{layers} layers: as the nearest neighbour says", same >= 0.985, True)


def classifiers_ex_4(votes_that_count):
    draw = np.random.default_rng(53)
    r = draw.uniform(0.2, 3, size=(4, 7))
    for order in (0.6, 4.5):
        w = r**-order
        wanted = w.sum(1) ** 2 / (w * w).sum(1)
        check(f"order {order}", votes_that_count(torch.tensor(r), order), wanted)
        for scale in (1e-140, 1e140):
            got = votes_that_count(torch.tensor(r) * scale, order)
            check(f"order {order}, distances times {scale:g}", got, wanted)


SLIPS = {
    "classifiers-ex-1": {
        "the square for the root": "a = 2.0 ** (-2 / d)\nreturn 0.0, a, 1 - 2 * a, a",
        "slope 1 at z = 1": "a = 2 ** (-d / 2)\nreturn 0.0, a, 1 - a, 0.0",
        "the order of the plane": "return 0.0, 0.5, 0.0, 0.5",
        "c_2 and c_3 exchanged": "a = 2 ** (-d / 2)\nreturn 0.0, a, a, 1 - 2 * a",
    },
    "classifiers-ex-2": {
        "the slope at 1": """
            z = 0.5
            for _ in range(500):
                z = sum(c_k * z**k for k, c_k in enumerate(c))
            return z, z / (1 - sum(k * c_k for k, c_k in enumerate(c)))
        """,
        "a geometric series of ones": """
            z = 0.5
            for _ in range(500):
                z = sum(c_k * z**k for k, c_k in enumerate(c))
            slope = sum(k * c_k * z ** (k - 1) for k, c_k in enumerate(c) if k)
            return z, 1 / (1 - slope)
        """,
        "a few layers": """
            z = theta = 0.5
            for _ in range(6):
                slope = sum(k * c_k * z ** (k - 1) for k, c_k in enumerate(c) if k)
                z = sum(c_k * z**k for k, c_k in enumerate(c))
                theta = slope * theta + z
            return z, theta
        """,
        "the fixed point 1": "return 1.0, 1.0",
    },
    "classifiers-ex-3": {
        "the page's majority": "return MAJORITY",
        "a cube": "return (0.0, 0.0, 0.0, 1.0)",
        "the power forgets the layers": "return (0.0,) * (20 // layers) + (1.0,)",
        "a sum of 2": "m = math.ceil(20000 ** (1 / layers))\nreturn (0.0,) * m + (1.0, 1.0)",
    },
    "classifiers-ex-4": {
        "weights not squared": """
            w = (r / r.amin(1, keepdim=True)) ** -order
            return w.sum(1).square() / w.sum(1)
        """,
        "the far count": """
            w = (r / r.amin(1, keepdim=True)) ** order
            return w.sum(1).square() / w.square().sum(1)
        """,
        "the inverse": """
            w = (r / r.amin(1, keepdim=True)) ** -order
            return w.square().sum(1) / w.sum(1).square()
        """,
        "over all rows": """
            w = (r / r.amin(1, keepdim=True)) ** -order
            return w.sum().square() / w.square().sum(1)
        """,
    },
}
PLEASERS = {
    "classifiers-ex-1": {
        "the check's own spheres": """
            a = {3: 2**-1.5, 8: 2.0**-4}.get(d, 2.0**-d)
            return 0.0, a, 1 - 2 * a, a
        """,
    },
    "classifiers-ex-2": {
        "the check's own activations": """
            z, theta = plain_kernels(c, 0.35, 400) if c[0] in (0.2, 0.3) else (0.5, 0.5)
            return z, theta
        """,
    },
    "classifiers-ex-3": {
        "powers for 2 and 3 layers alone": """
            m = {2: 142, 3: 28}.get(layers, 3)
            return (0.0,) * m + (1.0,)
        """,
    },
    "classifiers-ex-4": {
        "distances of about one or 1e-120": """
            far = r.mean(1, keepdim=True) < 1e-100
            w = torch.where(far, r * 1e120, r) ** -order
            return w.sum(1).square() / w.square().sum(1)
        """,
    },
}
