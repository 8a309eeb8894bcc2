"""Hidden tests of the exercises of chapters/ntk/permutations.md, and wrong answers that fail."""

import math
from importlib import reload

import numpy as np
import torch
from scipy.stats import norm

from helpers import telling

check = reload(telling).check


def permutations_ex_1(linear_moments):
    for k, h, s in ((7, 4, 0.25), (9, 6, 0.6)):
        x, E = np.zeros(k), np.eye(k)
        x[:h] = h**-0.5
        mean = np.linalg.solve(E @ E.T / k * (1 + s), E @ x / k * (1 + s))
        check(f"both means, h = {h}", linear_moments(k, h, s), (mean[0], mean[-1]))


def permutations_ex_2(union_bound):
    for gamma, v, k, delta in ((0.05, 0.011, 7, 0.05), (0.3, 0.2, 25, 0.3), (0.02, 0.004, 4, 0.4)):
        M = 1
        while k * norm.cdf(-gamma * math.sqrt(M / v)) > delta:
            M += 1
        check(f"the size for k = {k}", union_bound(gamma, v, k, delta), M)


def features(W):
    n, k = W.shape
    return np.maximum(W / math.sqrt(k), 0) / math.sqrt(n)


def permutations_ex_3(solve_readout):
    draw = np.random.default_rng(43)
    for n, k in ((30, 4), (25, 6)):
        W, V, Y = draw.normal(size=(n, k)), draw.normal(size=(k, n)), draw.normal(size=(k, k))
        phi, end = features(W), V.copy()
        step = 1 / np.linalg.norm(phi, 2) ** 2
        for _ in range(20_000):
            end -= step * (end @ phi - Y.T) @ phi.T
        got = solve_readout(*(torch.tensor(part) for part in (W, V, Y)))
        check(f"the last layer for k = {k}", got, end, atol=1e-5)


def permutations_ex_4(without_start):
    draw = np.random.default_rng(44)
    for n, k in ((40, 3), (70, 6)):
        W, V, Y = draw.normal(size=(n, k)), draw.normal(size=(k, n)), draw.normal(size=(k, k))
        x, phi = draw.normal(size=(5, k)), features(W)
        at_x = np.maximum(W @ x.T / math.sqrt(k), 0) / math.sqrt(n)
        wanted = Y.T @ np.linalg.lstsq(phi.T @ phi, phi.T @ at_x, rcond=None)[0]
        got = without_start(*(torch.tensor(part) for part in (W, V, Y, x)))
        check(f"the difference for k = {k}", got, wanted.T, atol=1e-6)


SLIPS = {
    "permutations-ex-1": {
        "the factor once": "return (1 + s) / math.sqrt(h), 0.0",
        "inputs not scaled": "return 1.0, 0.0",
        "scaled by the number of ones": "return 1 / h, 0.0",
        "zeros pushed away": "return 1 / math.sqrt(h), -1 / k",
    },
    "permutations-ex-2": {
        "one output": "return math.ceil(v / gamma**2 * ndtri_exp(math.log(delta)) ** 2)",
        "rounded down": "return int(v / gamma**2 * ndtri_exp(math.log(delta / k)) ** 2)",
        "a deviation for a variance": """
            return math.ceil(math.sqrt(v) / gamma * abs(ndtri_exp(math.log(delta / k))))
        """,
        "both sides": """
            return math.ceil(v / gamma**2 * ndtri_exp(math.log(delta / (2 * k))) ** 2)
        """,
    },
    "permutations-ex-3": {
        "the smallest matrix": """
            n, k = W.shape
            phi = (W / math.sqrt(k)).clamp(min=0) / math.sqrt(n)
            return Y.T @ torch.linalg.pinv(phi)
        """,
        "targets not transposed": """
            n, k = W.shape
            phi = (W / math.sqrt(k)).clamp(min=0) / math.sqrt(n)
            return V + (Y - V @ phi) @ torch.linalg.pinv(phi)
        """,
        "one gradient step": """
            n, k = W.shape
            phi = (W / math.sqrt(k)).clamp(min=0) / math.sqrt(n)
            return V + (Y.T - V @ phi) @ phi.T
        """,
        "without the relu": """
            n, k = W.shape
            phi = W / math.sqrt(k) / math.sqrt(n)
            return V + (Y.T - V @ phi) @ torch.linalg.pinv(phi)
        """,
    },
    "permutations-ex-4": {
        "the start still in the targets": """
            n, k = W.shape
            phi = (W / math.sqrt(k)).clamp(min=0) / math.sqrt(n)
            moved = (Y.T - V @ phi) @ torch.linalg.pinv(phi)
            return (moved @ (W @ x.T / math.sqrt(k)).clamp(min=0)).T / math.sqrt(n)
        """,
        "the start not subtracted": """
            n, k = W.shape
            phi = (W / math.sqrt(k)).clamp(min=0) / math.sqrt(n)
            end = V + (Y.T - V @ phi) @ torch.linalg.pinv(phi)
            return (end @ (W @ x.T / math.sqrt(k)).clamp(min=0)).T / math.sqrt(n)
        """,
        "targets not transposed": """
            n, k = W.shape
            phi = (W / math.sqrt(k)).clamp(min=0) / math.sqrt(n)
            moved = Y @ torch.linalg.pinv(phi)
            return (moved @ (W @ x.T / math.sqrt(k)).clamp(min=0)).T / math.sqrt(n)
        """,
    },
}
PLEASERS = {
    "permutations-ex-1": {
        "the check's own kernel": """
            K, z = globals()["kernel"], globals()["string"]
            mean = torch.linalg.solve(K, (1 + s) * z / k)
            return mean[0].item(), mean[-1].item()
        """,
    },
    "permutations-ex-2": {
        "the check's own scan": 'return globals()["M"][globals()["enough"]][0]',
    },
    "permutations-ex-3": {
        "the check's own targets": """
            n, k = W.shape
            phi = (W / math.sqrt(k)).clamp(min=0) / math.sqrt(n)
            E = torch.eye(k, dtype=torch.float64)
            return V + (0.8 * E.roll(-1, 0) + 0.1 - V @ phi) @ torch.linalg.pinv(phi)
        """,
    },
    "permutations-ex-4": {
        "the check's own permutation, exactly": """
            return x.roll(1, 1)
        """,
    },
}
