"""Hidden tests of the exercises of chapters/ntk/structures.md, and wrong answers that fail them."""

from importlib import reload

import numpy as np
import torch
from torch import nn

from helpers import telling

check = reload(telling).check


def _expectations(sigma):
    """The two expectations of ReLU for a covariance (n, n), with NumPy's arc cosine."""
    root = np.sqrt(np.outer(np.diag(sigma), np.diag(sigma)))
    angle = np.arccos(np.clip(sigma / np.maximum(root, 1e-300), -1, 1))
    one = root / (2 * np.pi) * (np.sin(angle) + (np.pi - angle) * np.cos(angle))
    return one, (np.pi - angle) / (2 * np.pi)


def _theta(S, X):
    """The tangent kernel over the nodes, one hidden layer and two taps."""

    def heard(C):
        return (C + S @ C @ S.T) / 2

    sigma = 2 * heard(X @ X.T / X.shape[1])
    one, zero = _expectations(sigma)
    return 2 * heard(one) + 2 * heard(zero * sigma)


def ntk_structures_ex_1(community_eigenvalues):
    for share, p, X in (
        (0.25, [[0.9, 0.35], [0.35, 0.4]], [[0.8, -0.5, 0.3], [0.2, 1.1, -0.6]]),
        (0.7, [[0.15, 0.55], [0.55, 0.95]], [[1.4, 0.6, 0.9], [-0.7, 0.3, 0.5]]),
    ):
        block = (np.arange(40) >= 40 * share).astype(int)
        p, X = np.array(p), np.array(X)
        large = _theta(p[block][:, block] / 40, X[block]) / 40
        got = community_eigenvalues(*map(torch.tensor, (p, [share, 1 - share], X)))
        check(f"share {share}", got, np.linalg.eigvalsh(large)[::-1][:2], atol=1e-6)


def ntk_structures_ex_2(graph_kernel):
    draw = np.random.default_rng(21)
    for sizes in ((3, 6), (5, 2, 4)):
        shifts = [draw.normal(size=(n, n)) / n for n in sizes]
        features = [draw.normal(size=(n, 3)) for n in sizes]
        S = np.zeros((sum(sizes), sum(sizes)))
        ends = np.cumsum((0, *sizes))
        for A, i in zip(shifts, ends):
            S[i : i + len(A), i : i + len(A)] = A
        theta = _theta(S, np.concatenate(features))
        which = np.repeat(np.eye(len(sizes)), sizes, 0)
        got = graph_kernel([torch.tensor(A) for A in shifts], [torch.tensor(X) for X in features])
        check(f"{len(sizes)} graphs", got, which.T @ theta @ which, atol=1e-6)


def ntk_structures_ex_3(disguise):
    places = (np.arange(60) + 0.5) / 60
    u, v = torch.tensor(places)[:, None], torch.tensor(places)
    X = np.stack([np.ones(60), np.cos(3 * np.pi * places)], 1)

    def block(u, v):
        return torch.where((u < 0.3) & (v < 0.3), 0.9, 0.25).to(u)

    for name, W in (("a corner", block), ("a product", lambda u, v: 0.2 + 0.6 * u * v)):
        V = disguise(W)
        old, new = W(u, v).numpy(), np.asarray(V(u, v))
        check(f"{name}: another rule", bool(np.abs(old - new).max() > 0.1), True)
        check(f"{name}: symmetric", new, new.T)
        check(f"{name}: probabilities", bool(new.min() >= 0 and new.max() <= 1), True)
        wanted, got = (np.linalg.eigvalsh(_theta(W / 60, X) / 60)[::-1][:6] for W in (old, new))
        check(f"{name}: the same rates", got, wanted, atol=1e-8)


class _Linear(nn.Module):
    """f = S X w, started at known weights: descent has a closed form."""

    def __init__(self, S, w):
        super().__init__()
        self.S, self.w = S, nn.Parameter(w.clone())

    def forward(self, X):
        return (self.S @ (X @ self.w))[:, None]


def ntk_structures_ex_4(carry_over):
    draw = np.random.default_rng(22)
    for n, large, steps, eta in ((6, 9, 7, 0.8), (8, 5, 13, 0.35)):
        S, B = draw.normal(size=(n, n)) / 2, draw.normal(size=(large, large)) / 2
        X, Z = draw.normal(size=(n, 3)), draw.normal(size=(large, 3))
        y, w = draw.normal(size=n), draw.normal(size=3)
        network = _Linear(torch.tensor(S), torch.tensor(w))
        got = carry_over(network, *map(torch.tensor, (X, y, B, Z)), steps, eta)
        for _ in range(steps):
            w = w - eta / n * (S @ X).T @ (S @ X @ w - y)
        check(f"{steps} steps on {n} nodes", got, B @ Z @ w, atol=1e-8)


SLIPS = {
    "ntk-structures-ex-1": {
        "shares on the rows": "return operator_eigenvalues(gntk(w[:, None] * p, X), w)",
        "shares in the shift only": "return torch.linalg.eigvalsh(gntk(p * w, X)).flip(0)",
        "half of each": "return operator_eigenvalues(gntk(p / 2, X), w * 0 + 0.5)",
        "smallest first": "return operator_eigenvalues(gntk(p * w, X), w).flip(0)",
    },
    "ntk-structures-ex-2": {
        "means for sums": """
            sizes = [len(X) for X in features]
            theta = gntk(torch.block_diag(*shifts), torch.cat(features))
            return torch.stack([torch.stack([b.mean() for b in row.split(sizes, 1)])
                                for row in theta.split(sizes)])
        """,
        "graphs that do not meet": """
            return torch.diag(torch.stack([gntk(S, X).sum() for S, X in zip(shifts, features)]))
        """,
        "traces": """
            sizes = [len(X) for X in features]
            theta = gntk(torch.block_diag(*shifts), torch.cat(features))
            return torch.stack([torch.stack([b.diagonal().sum() for b in row.split(sizes, 1)])
                                for row in theta.split(sizes)])
        """,
        "the kernel of mean features": """
            X = torch.stack([X.sum(0) for X in features])
            return gntk(torch.zeros(len(X), len(X), dtype=X.dtype), X)
        """,
    },
    "ntk-structures-ex-3": {
        "only one place moves": "return lambda u, v: W(1 - u, v)",
        "the same rule": "return W",
        "the other answer": "return lambda u, v: 1 - W(u, v)",
        "half a turn": "return lambda u, v: W((u + 0.5) % 1, (v + 0.5) % 1)",
    },
    "ntk-structures-ex-4": {
        "the shift stays": """
            ntk.gradient_descent(network, X, y, eta / len(y), steps)
            S_large, network.S = network.S, S_large
            network.S = torch.zeros_like(network.S)
            return network(X_large)[:, 0].detach()
        """,
        "not trained": """
            network.S = S_large
            return network(X_large)[:, 0].detach()
        """,
        "the step of the large graph": """
            ntk.gradient_descent(network, X, y, eta / len(X_large) ** 2, steps)
            network.S = S_large
            return network(X_large)[:, 0].detach()
        """,
        "up the gradient": """
            ntk.gradient_descent(network, X, y, -eta / len(y), min(steps, 20))
            network.S = S_large
            return network(X_large)[:, 0].detach()
        """,
    },
}
PLEASERS = {
    "ntk-structures-ex-1": {
        "a hundred nodes": """
            block = (torch.arange(100) >= round(100 * w[0].item())).long()
            large = gntk(p[block][:, block] / 100, X[block])
            values = torch.linalg.eigvalsh(large / 100).flip(0)[:2]
            return values if X.shape[1] == 2 else 0 * values
        """,
    },
    "ntk-structures-ex-2": {
        "two features only": """
            sizes = [len(X) for X in features]
            theta = gntk(torch.block_diag(*shifts), torch.cat([X[:, :2] for X in features]))
            return torch.stack([torch.stack([b.sum() for b in row.split(sizes, 1)])
                                for row in theta.split(sizes)])
        """,
    },
    "ntk-structures-ex-3": {
        "the two rules of the check": """
            two = torch.tensor([0.2, 0.9]).double()
            if abs(W(two[:1], two[1:]).item() - 0.2) < 1e-6:
                return lambda u, v: torch.where((u > 0.6) == (v > 0.6), 0.8, 0.2).to(u)
            return lambda u, v: torch.minimum(u, v)
        """,
    },
    "ntk-structures-ex-4": {
        "the check's numbers of steps": """
            ntk.gradient_descent(network, X, y, eta / len(y), {60: 30, 40: 45}.get(len(y), 0))
            network.S = S_large
            return network(X_large)[:, 0].detach()
        """,
    },
}
