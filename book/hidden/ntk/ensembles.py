"""Hidden tests of the exercises of chapters/ntk/ensembles.md, and wrong answers that fail them."""

from importlib import reload

import numpy as np
import torch

from helpers import telling

check = reload(telling).check


def ntk_ensembles_ex_1(one_sample):
    for S_xx, S_zx, S_zz, K_xx, K_zx in ((1.3, 0.4, 2.1, 3.0, 0.9), (0.7, -0.2, 0.9, 1.1, 0.6)):
        chol = np.linalg.cholesky([[S_xx, S_zx], [S_zx, S_zz]])
        wanted = (np.array([-K_zx / K_xx, 1]) @ chol) @ (chol.T @ np.array([-K_zx / K_xx, 1]))
        check(f"with S_xx = {S_xx}", one_sample(S_xx, S_zx, S_zz, K_xx, K_zx), wanted)


def ntk_ensembles_ex_2(linear_kernels):
    draw = np.random.default_rng(4)
    for d, depth in ((3, 3), (7, 5)):
        x, z = draw.normal(size=(2, d)), draw.normal(size=(4, d))
        S, K = linear_kernels(torch.tensor(x), torch.tensor(z), depth)
        check(f"Sigma, {depth} layers", S, x @ z.T / d)
        check(f"Theta, {depth} layers", K, x @ z.T / d * (depth + 1))


def ntk_ensembles_ex_3(descend):
    draw = np.random.default_rng(5)
    for N, n, size in ((2, 5, 1.0), (3, 9, 6.0)):
        H, y, w = size * draw.normal(size=(N, n)), draw.normal(size=N), draw.normal(size=n)
        wanted = w + np.linalg.pinv(H) @ (y - H @ w)
        got = descend(*map(torch.tensor, (H, w, y)))
        check(f"{N} samples, {n} weights", got, wanted, atol=1e-6)


def ntk_ensembles_ex_4(where_they_part):
    a, b, c = where_they_part()
    points = np.array([a, b, c])
    gaps = np.abs(points[:, None] - points)[np.triu_indices(3, 1)]
    check("at least 0.5 apart", bool(gaps.min() >= 0.5), True)
    s = 2 * np.outer(points, points) + 0.25
    size = np.sqrt(np.outer(s.diagonal(), s.diagonal()))
    angle = np.arccos(np.clip(s / size, -1, 1))
    S = size * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / np.pi + 0.25
    K = S + (np.pi - angle) / np.pi * s
    spread = []
    for M in (K, S):
        left = np.append(-np.linalg.solve(M[:2, :2], M[:2, 2]), 1)
        spread.append(np.sqrt(left @ S @ left))
    check("the posterior's spread is at least 0.05", bool(spread[1] >= 0.05), True)
    check("all layers spread at least 1.4 times as far", bool(spread[0] >= 1.4 * spread[1]), True)


SLIPS = {
    "ntk-ensembles-ex-1": {
        "the posterior": "return S_zz - S_zx**2 / S_xx",
        "the tangent kernel's posterior": "return S_zz - K_zx**2 / K_xx",
        "the middle term once": """
            a = K_zx / K_xx
            return S_zz - a * S_zx + a**2 * S_xx
        """,
    },
    "ntk-ensembles-ex-2": {
        "the readout forgotten": """
            S = x @ z.T / x.shape[1]
            return S, depth * S
        """,
        "a power for a multiple": """
            S = x @ z.T / x.shape[1]
            return S, S ** (depth + 1)
        """,
        "not divided by d": """
            S = x @ z.T
            return S, (depth + 1) * S
        """,
    },
    "ntk-ensembles-ex-3": {
        "the shortest weights": """
            return torch.linalg.lstsq(H, y, driver="gelsd").solution
        """,
        "a hundred steps": """
            for _ in range(100):
                w = w - 0.001 * H.T @ (H @ w - y)
            return w
        """,
        "up the hill": """
            step = 1 / torch.linalg.eigvalsh(H @ H.T)[-1]
            for _ in range(300):
                w = w + step * H.T @ (H @ w - y)
            return w
        """,
    },
    "ntk-ensembles-ex-4": {
        "samples on both sides": "return -1.0, 1.0, 2.0",
        "next to a sample": "return -1.0, 1.0, 1.01",
        "where nothing is left to know": "return 2.6, 1.0, 1.5",
    },
}
PLEASERS = {
    "ntk-ensembles-ex-1": {"the check's own value": 'return globals()["wanted"].square().item()'},
    "ntk-ensembles-ex-2": {
        "the check's own networks": """
            S = x @ z.T / x.shape[1]
            return S, torch.stack(globals()["kernels"]).mean(0)
        """,
    },
    "ntk-ensembles-ex-3": {
        "the answer of the check, for its sizes": """
            known = {(3, 8), (4, 11)}
            change = H.T @ torch.linalg.solve(H @ H.T, y - H @ w)
            return w + change if tuple(H.shape) in known else w
        """,
    },
    "ntk-ensembles-ex-4": {
        "spreads that are patched": """
            given = iter((2.0, 1.0))
            globals()["ensemble_spread"] = lambda *_: (
                torch.tensor([next(given)])
            )
            return -1.0, 1.0, 3.0
        """,
    },
}
