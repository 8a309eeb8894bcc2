"""Hidden tests of the exercises of chapters/ntk/benign.md, and wrong answers that fail them."""

from importlib import reload

import numpy as np
import torch
from scipy.stats import norm
from torch import nn

from helpers import telling

check = reload(telling).check


def benign_ex_1(least_error):
    for d, p in ((2, 0.15), (4, 0.25), (9, 0.4)):
        s = np.linspace(-12, 12, 200001)
        density = norm.pdf(s)
        crosses = s > 2 * d**0.25
        errs = np.where(crosses, 1 - p, p)
        check(f"d = {d}, p = {p}", least_error(d, p), np.trapezoid(density * errs, s), atol=1e-5)


def benign_ex_2(hidden_ridge):
    draw = np.random.default_rng(41)
    for coefficients, d in (((0.3, 0.8, 0.2, 0.15, 0.05), 12), ((1.4, 0.3, 0.6), 35)):
        x = np.linalg.qr(draw.normal(size=(d, 6)))[0].T * d**0.5
        y, new = draw.normal(size=6), draw.normal(size=(3, d))
        kernel = sum(part * (x @ x.T / d) ** k for k, part in enumerate(coefficients))
        linear = coefficients[0] + coefficients[1] * new @ x.T / d
        wanted = linear @ np.linalg.solve(kernel, y)
        ridge = hidden_ridge(coefficients, d)
        plain = x @ x.T + d * coefficients[0] / coefficients[1]
        other = new @ x.T + d * coefficients[0] / coefficients[1]
        got = other @ np.linalg.solve(plain + ridge * np.eye(6), y)
        check(f"predictions with d = {d}", got, wanted)


def benign_ex_3(lazy_logistic):
    draw = np.random.default_rng(42)
    for n, step, steps in ((5, 0.03, 40), (12, 0.004, 150)):
        root = draw.normal(size=(n, 3 * n))
        K, y = root @ root.T, draw.choice([-1.0, 1.0], n)
        theta = np.zeros(3 * n)
        for _ in range(steps):
            theta = theta + step * root.T @ (y / (1 + np.exp(y * (root @ theta))))
        got = lazy_logistic(torch.tensor(K), torch.tensor(y), step, steps)
        check(f"{n} points, {steps} steps", got, root @ theta)


def benign_ex_4(Silent):
    for seed, widths in ((43, (5, 8, 1)), (44, (2, 6, 7, 2))):
        torch.manual_seed(seed)
        layers = [
            m for a, b in zip(widths, widths[1:]) for m in (nn.Linear(a, b).double(), nn.Tanh())
        ]
        network = nn.Sequential(*layers[:-1])
        x = torch.randn(4, widths[0], dtype=torch.float64)

        def kernel(module, x=x, count=4 * widths[-1]):
            flat = []
            for k in range(count):
                out = module(x).flatten()[k]
                parts = torch.autograd.grad(out, list(module.parameters()))
                flat.append(torch.cat([part.flatten() for part in parts]))
            J = torch.stack(flat)
            return J @ J.T

        wanted = kernel(network)
        silent = Silent(network)
        check(f"widths {widths}: silent", silent(x), torch.zeros(4, widths[-1]))
        check(f"widths {widths}: the kernel", kernel(silent), wanted)


SLIPS = {
    "benign-ex-1": {
        "the flip rate alone": "return p",
        "flips that never cancel": "return p + (1 - p) * norm.cdf(-2 * d**0.25)",
        "the root of d": "return p + (1 - 2 * p) * norm.cdf(-2 * d**0.5)",
        "half the distance": "return p + (1 - 2 * p) * norm.cdf(-(d**0.25))",
    },
    "benign-ex-2": {
        "the constant in the spike": """
            return d * (sum(coefficients) - coefficients[1]) / coefficients[1]
        """,
        "not divided by the slope": "return d * sum(coefficients[2:])",
        "not times d": "return sum(coefficients[2:]) / coefficients[1]",
        "the square term alone": "return d * coefficients[2] / coefficients[1]",
    },
    "benign-ex-3": {
        "up the loss": """
            f = torch.zeros_like(y)
            for _ in range(steps):
                f = f - step * K @ (y * torch.sigmoid(-y * f))
            return f
        """,
        "without the kernel": """
            f = torch.zeros_like(y)
            for _ in range(steps):
                f = f + step * y * torch.sigmoid(-y * f)
            return f
        """,
        "one step too few": """
            f = torch.zeros_like(y)
            for _ in range(steps - 1):
                f = f + step * K @ (y * torch.sigmoid(-y * f))
            return f
        """,
        "the mean of the losses": """
            f = torch.zeros_like(y)
            for _ in range(steps):
                f = f + step / len(y) * K @ (y * torch.sigmoid(-y * f))
            return f
        """,
    },
    "benign-ex-4": {
        "divided by 2": "return (self.one(x) - self.other(x)) / 2",
        "a sum": "return (self.one(x) + self.other(x)) / math.sqrt(2)",
        "the copy is frozen": """
            with torch.no_grad():
                start = self.other(x)
            return (self.one(x) - start) / math.sqrt(2)
        """,
        "times the root": "return (self.one(x) - self.other(x)) * math.sqrt(2)",
    },
}
PLEASERS = {
    "benign-ex-1": {
        "the check's own numbers": """
            return {2: 0.205216, 3: 0.351273}.get(d, p) if p in (0.2, 0.35) else p
        """,
    },
    "benign-ex-2": {
        "the check's own ridges": "return {10: 6.0, 24: 18.0}.get(d, 7.0)",
    },
    "benign-ex-3": {
        "the check's step and steps": """
            f, step = torch.zeros_like(y), {6: 0.02, 9: 0.005}.get(len(y), 0.01)
            for _ in range(60):
                f = f + step * K @ (y * torch.sigmoid(-y * f))
            return f
        """,
    },
    "benign-ex-4": {
        "one output only": """
            return (self.one(x) - self.other(x))[:, :1] / math.sqrt(2)
        """,
    },
}
