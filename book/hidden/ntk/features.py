"""Hidden tests of the exercises of chapters/ntk/features.md, and wrong answers that fail them."""

from importlib import reload
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from helpers import telling

check = reload(telling).check


class Given(NamedTuple):
    a: tuple
    b: tuple
    c: float


def build(a, b, c=0.0):
    return Given(tuple(a), tuple(b), c)


def ntk_features_ex_1(regime):
    cases = [
        (build((-3 / 8, 1 / 8, 1 / 2), (3 / 8,) * 3), "kernel"),
        (build((-1 / 4, 1 / 4, 3 / 4), (1 / 4, 1 / 4, 1 / 4), -1 / 2), "features"),
        (build((1 / 4, 3 / 4, 3 / 4), (-1 / 4,) * 3, -1 / 2), "kernel"),
        (build((-1 / 2, 0, 1 / 2), (1 / 2, 1 / 2, 1 / 2), 1 / 8), "trivial"),
        (build((-1 / 2, 0, 3 / 4), (1 / 2, 1 / 2, 1 / 4)), "features"),
        (build((-1 / 2, 0, 1 / 2), (3 / 4, 1 / 2, 1 / 2)), "unstable"),
        (build((-1 / 2, 0, 1 / 2), (1 / 2, 3 / 8, 1 / 2)), "unstable"),
        (build((3 / 8, 7 / 8, 1 / 2), (-3 / 8, -3 / 8, -3 / 8)), "unstable"),
        (build((0, 1 / 2, 3 / 8), (0, 0, 5 / 8)), "unstable"),
        (build((-1 / 4, 1 / 4, 1 / 2), (1 / 4, 1 / 4, 0)), "unstable"),
        (build((-1, -1 / 2, 3 / 4), (1, 1, 1)), "unstable"),
    ]
    for abc, wanted in cases:
        got = regime(abc)
        assert got == wanted, f"{tuple(abc)} is {wanted!r}, not {got!r}"


def ntk_features_ex_2(adam_without_multipliers):
    for a, b, c in (
        ((-0.3, 0.4, 0.6), (0.3, 0.2, 0.5), 0.7),
        ((0.25, 0.5, 0.1), (0.6, 0.9, 0.3), -0.2),
    ):
        sizes, speeds = adam_without_multipliers(SimpleNamespace(a=a, b=b, c=c))
        check("the sizes", sizes, np.array(a) + b)
        # one step of size lr for w is one of n^-a lr for W, whatever the gradient
        n = 50.0
        for exponent, k in zip(a, speeds):
            w = nn.Parameter(torch.ones(1, dtype=torch.float64))
            torch.optim.Adam([w], lr=n**-c, eps=0)
            adam = torch.optim.Adam([w], lr=n**-c, eps=0)
            (3.7 * n**-exponent * w).sum().backward()
            adam.step()
            step = n**-exponent * (1 - w.item())
            check("the rate of one layer", n**-k, step, atol=1e-9)


def ntk_features_ex_3(train_linear):
    draw = np.random.default_rng(41)
    for n, d, N, rate, steps, kappa in ((17, 3, 5, 0.08, 12, 1.7), (40, 2, 7, 0.03, 25, 4.5)):
        Z, x = draw.normal(size=(n, d + 1)), draw.normal(size=(N, d))
        y = draw.normal(size=N)
        v, U = (torch.tensor(part).requires_grad_() for part in (Z[:, 0] / n, Z[:, 1:]))
        for _ in range(steps):
            loss = ((kappa * v @ U @ torch.tensor(x).T - torch.tensor(y)) ** 2).mean() / 2
            slopes = torch.autograd.grad(loss, (v, U))
            v.data -= rate / n / kappa**2 * slopes[0]
            U.data -= rate * n / kappa**2 * slopes[1]
        wanted = (kappa * v @ U @ torch.tensor(x).T).detach()
        got = train_linear(torch.tensor(Z), torch.tensor(x), torch.tensor(y), rate, steps, kappa)
        check(f"outputs, kappa = {kappa}", got, wanted)


def ntk_features_ex_4(faster):
    for r in (0.15, 0.45):
        c, grows = faster(r)
        widths = np.array([1e4, 1e8])
        # the step of the second layer, and that of the readout, in powers of the width
        signal = np.maximum(widths ** -(1 - r), widths ** -(1 + c))
        features = signal * widths ** (-2 * r - c + 1)
        check("how features grow", np.log(features[1] / features[0]), 0.0, atol=1e-9)
        readout = widths ** -(1 + c - 1)
        power = np.log(readout[1] / readout[0]) / np.log(1e4)
        check("how the output grows", grows, power, atol=1e-9)


REGIME = """
    (a1, a2, a3), (b1, b2, b3), _ = abc
    r1, r2, from_readout = exponents(abc)
    r = min(r1, r2)
    from_features = a3 + b3 + r - 1
    finite_start = {finite}
    if not finite_start or min({steps}) < 0:
        return "unstable"
    if {trivial}:
        return "trivial"
    return "features" if r == 0 else "kernel"
"""
FINITE = "a1 + b1 == 0 and a2 + b2 == 1 / 2 and a3 + b3 >= 1 / 2"
STEPS, TRIVIAL = "r, from_readout, from_features", "min(from_readout, from_features) > 0"
SLIPS = {
    "ntk-features-ex-1": {
        "no condition at the start": REGIME.format(finite="True", steps=STEPS, trivial=TRIVIAL),
        "only r": REGIME.format(finite=FINITE, steps="r, r", trivial=TRIVIAL),
        "no condition on the readout": REGIME.format(
            finite=FINITE, steps="r, from_features", trivial=TRIVIAL
        ),
        "no condition on moving features": REGIME.format(
            finite=FINITE, steps="r, from_readout", trivial=TRIVIAL
        ),
        "r may be negative": REGIME.format(
            finite=FINITE, steps="from_readout, from_features", trivial=TRIVIAL
        ),
        "the readout's start forgotten": REGIME.format(
            finite="a1 + b1 == 0 and a2 + b2 == 1 / 2", steps=STEPS, trivial=TRIVIAL
        ),
        "nothing is trivial": REGIME.format(finite=FINITE, steps=STEPS, trivial="False"),
    },
    "ntk-features-ex-2": {
        "gradient descent's rate": """
            sizes = [a + b for a, b in zip(abc.a, abc.b)]
            return sizes, [2 * a + abc.c for a in abc.a]
        """,
        "no multiplier in the rate": """
            sizes = [a + b for a, b in zip(abc.a, abc.b)]
            return sizes, [abc.c for a in abc.a]
        """,
        "the multiplier divides": """
            sizes = [a + b for a, b in zip(abc.a, abc.b)]
            return sizes, [abc.c - a for a in abc.a]
        """,
        "sizes without the multiplier": "return list(abc.b), [a + abc.c for a in abc.a]",
    },
    "ntk-features-ex-3": {
        "new v in the step of U": """
            v, U = Z[:, 0].clone(), Z[:, 1:].clone()
            for _ in range(steps):
                q = (kappa / len(Z) * v @ U @ x.T - y) @ x / len(y)
                v -= rate / kappa * U @ q
                U -= rate / kappa * v[:, None] * q
            return kappa / len(Z) * v @ U @ x.T
        """,
        "kappa squared": """
            v, U = Z[:, 0], Z[:, 1:]
            for _ in range(steps):
                q = (kappa / len(Z) * v @ U @ x.T - y) @ x / len(y)
                v, U = v - rate / kappa**2 * U @ q, U - rate / kappa**2 * v[:, None] * q
            return kappa / len(Z) * v @ U @ x.T
        """,
        "muP's steps for all": """
            v, U = Z[:, 0], Z[:, 1:]
            for _ in range(steps):
                q = (kappa / len(Z) * v @ U @ x.T - y) @ x / len(y)
                v, U = v - rate * U @ q, U - rate * v[:, None] * q
            return kappa / len(Z) * v @ U @ x.T
        """,
        "only the readout is trained": """
            v, U = Z[:, 0], Z[:, 1:]
            for _ in range(steps):
                q = (kappa / len(Z) * v @ U @ x.T - y) @ x / len(y)
                v = v - rate / kappa * U @ q
            return kappa / len(Z) * v @ U @ x.T
        """,
    },
    "ntk-features-ex-4": {
        "half": "return -r / 2, r / 2",
        "the rate falls": "return r, -r",
        "the output stays": "return -r, 0.0",
        "twice": "return -2 * r, 2 * r",
    },
}
PLEASERS = {
    "ntk-features-ex-1": {
        "the check's own names": """
            known = {
                (1 / 2, 1 / 2, 1 / 2, 0.0): "features",
                (1 / 4, 1 / 4, 1 / 4, 0.0): "kernel",
                (0, 0, 0, 0.0): "kernel",
                (0, 1 / 2, 1 / 2, 1.0): "kernel",
                (0, 0, 0, 1.0): "trivial",
                (1 / 2, 1 / 2, 1 / 2, 0.25): "trivial",
            }
            return known.get((*abc.b, abc.c), "unstable")
        """,
    },
    "ntk-features-ex-2": {
        "the check's own presets": """
            sizes = [a + b for a, b in zip(abc.a, abc.b)]
            return sizes, [0.0, 1.0, 1.0] if abc.c == 0.5 else list(abc.a)
        """,
    },
    "ntk-features-ex-3": {
        "the small matrix of the check's inputs": """
            S = linear_gram(Z.T @ Z / len(Z), LINEAR_X, LINEAR_Y, rate, steps, kappa)
            return kappa * S[-1][0, 1:] @ LINEAR_X.T
        """,
    },
    "ntk-features-ex-4": {
        "the check's own values": "return (-r, r) if r in (1 / 4, 3 / 8) else (0.0, 0.0)",
    },
}
