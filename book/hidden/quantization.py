"""Hidden tests of the exercises of chapters/quantization.md, and wrong answers that fail them."""

from importlib import reload

import numpy as np
import torch
from scipy.integrate import quad
from scipy.stats import norm

from helpers import chapter, telling

check = reload(telling).check
quantization = chapter("quantization")


def quantization_ex_1(clip_error):
    clips = [0.8, 1.7, 2.9]
    beyond = [quad(lambda w, c=c: (w - c) ** 2 * norm.pdf(w), c, np.inf)[0] for c in clips]
    for bits in (3, 6):
        step = 2 * np.array(clips) / (2**bits - 2)
        got = clip_error(torch.tensor(clips, dtype=torch.float64), bits)
        check(f"{bits} bits", got, step**2 / 12 + 2 * np.array(beyond), atol=1e-7)


def quantization_ex_2(product_of_codes):
    draw = np.random.default_rng(3)
    for m, n, d, zx, zw in ((4, 2, 11, 97, 5), (2, 5, 3, -12, 60)):
        qx, qw = draw.integers(-128, 128, (m, d)), draw.integers(0, 64, (n, d))
        got = product_of_codes(torch.tensor(qx), zx, torch.tensor(qw), zw)
        check(f"{d} products, zero points {zx} and {zw}", got, (qx - zx) @ (qw - zw).T)


def quantization_ex_3(sparse_level):
    v = torch.linspace(-2.9, 2.9, 311, dtype=torch.float64)
    for scale, low, high, lam in ((0.4, -3, 5, 0.55), (0.7, -2, 2, 0.18)):
        levels = scale * torch.arange(low, high + 1, dtype=torch.float64)
        grid = quantization.Grid(
            torch.full((1, 1), scale, dtype=torch.float64), torch.zeros(1, 1), low, high
        )
        cost = (levels - v[:, None]).square() / 2 + lam * levels.abs()
        got = sparse_level(v[:, None], grid, lam)
        check(f"levels {scale} apart, lam = {lam}", got[:, 0], levels[cost.argmin(1)])


def quantization_ex_4(flips):
    for a, wanted in ((0.1, 0.2), (0.45, 0.9), (0.62, 0.76), (0.9, 0.2)):
        check(f"flips({a})", flips(a), wanted)


SLIPS = {
    "quantization-ex-1": {
        "everything halved": """
            density = torch.exp(-c.square() / 2) / math.sqrt(2 * math.pi)
            tail = (1 + c.square()) * (1 - torch.special.ndtr(c)) - c * density
            return c.square() / (6 * (2**bits - 2) ** 2) + tail
        """,
        "2^b levels": """
            density = torch.exp(-c.square() / 2) / math.sqrt(2 * math.pi)
            tail = (1 + c.square()) * (1 - torch.special.ndtr(c)) - c * density
            return c.square() / (3 * (2**bits - 1) ** 2) + 2 * tail
        """,
        "a whole step, not half of one": """
            density = torch.exp(-c.square() / 2) / math.sqrt(2 * math.pi)
            tail = (1 + c.square()) * (1 - torch.special.ndtr(c)) - c * density
            return 4 * c.square() / (3 * (2**bits - 2) ** 2) + 2 * tail
        """,
    },
    "quantization-ex-2": {
        "a zero point for d": """
            corners = zx * qw.sum(1) + zw * qx.sum(1, keepdim=True)
            return qx @ qw.T - corners + zw * zx * zw
        """,
        "zero points swapped": """
            corners = zw * qw.sum(1) + zx * qx.sum(1, keepdim=True)
            return qx @ qw.T - corners + qx.shape[1] * zx * zw
        """,
        "rows for columns": """
            corners = zx * qw.sum(1) + zw * qx.sum(1, keepdim=True)
            return qx @ qw.T - corners + len(qx) * zx * zw
        """,
    },
    "quantization-ex-3": {
        "rounded before it is pulled": """
            v = grid(v)
            return v.sign() * (v.abs() - lam).clamp(min=0)
        """,
        "half of the pull": "return grid(v.sign() * (v.abs() - lam / 2).clamp(min=0))",
        "positive numbers alone": "return grid((v - lam).clamp(min=0))",
    },
    "quantization-ex-4": {
        "the rarer level alone": "return min(a, 1 - a)",
        "level 1 alone": "return 2 * a",
        "as if steps were drawn": "return 2 * a * (1 - a)",
    },
}
PLEASERS = {
    "quantization-ex-1": {
        "the check's own values": """
            best = {2: 1.24, 3: 1.97, 4: 2.48}
            return (c - best[bits]) ** 2 if bits in best else torch.stack(globals()["sampled"])
        """,
    },
    "quantization-ex-2": {"the check's own values": 'return globals()["wanted"]'},
    "quantization-ex-3": {"the check's own values": 'return globals()["wanted"]'},
    "quantization-ex-4": {
        "the check's own values": "return {0.2: 0.4, 0.35: 0.7, 0.7: 0.6}[a]",
    },
}
