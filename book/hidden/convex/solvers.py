"""Hidden tests of the exercises of chapters/convex/solvers.md, and wrong answers that fail them."""

from importlib import reload

import numpy as np
import torch

from helpers import telling

check = reload(telling).check


def solvers_ex_1(shrink_positive):
    q = np.random.default_rng(4).normal(size=(2, 6, 3)) * 2
    q[0, 0] = 0
    positive = np.maximum(q, 0)
    size = np.sqrt((positive**2).sum(-1, keepdims=True))
    for tau in (0.7, 1.9):
        kept = np.maximum(size - tau, 0) / np.where(size > 0, size, 1)
        got = shrink_positive(torch.tensor(q), tau)
        check(f"twelve vectors, tau = {tau}", got, positive * kept)


def solvers_ex_2(gated_step):
    draw = np.random.default_rng(6)
    for n, P, d, beta, eta in ((6, 4, 3, 0.7, 0.1), (5, 7, 2, 0.2, 0.3)):
        X, y, U = draw.normal(size=(n, d)), draw.normal(size=n), draw.normal(size=(P, d))
        D = draw.random((P, n)) < 0.5
        r = np.einsum("pn,nd,pd->n", D, X, U) - y
        moved = U - eta * np.einsum("pn,nd,n->pd", D, X, r)
        size = np.sqrt((moved**2).sum(1, keepdims=True))
        wanted = moved * np.maximum(1 - eta * beta / size, 0)
        got = gated_step(*map(torch.tensor, (X, y, D, U)), beta, eta)
        check(f"{P} random gates, beta = {beta}, eta = {eta}", got, wanted)


def solvers_ex_3(count):
    for n, d, P in ((20, 4, 6), (33, 7, 3), (50, 2, 50)):
        rows = {"X and its transpose": 2 * (2 * P * n * d), "the fit": 2 * (P * n * d)}
        products = sum(rows.values()) + 2 * (2 * P * d * d)
        check(f"{n} samples, {d} features, {P} patterns", count(n, d, P), 2 * (products + n * n))


SLIPS = {
    "solvers-ex-1": {
        "tau ignored": "return shrink(q.clamp(min=0), 1.0)",
        "tau squared": "return shrink(q.clamp(min=0), tau**2)",
        "each entry by itself": "return (q - tau).clamp(min=0)",
    },
    "solvers-ex-2": {
        "the norm's share without eta": """
            r = convex.gated_sum(X, D, U) - y
            return shrink(U - eta * ((D * r) @ X), beta)
        """,
        "with the gradient": """
            r = convex.gated_sum(X, D, U) - y
            return shrink(U + eta * ((D * r) @ X), eta * beta)
        """,
        "one gradient for all blocks": """
            r = convex.gated_sum(X, D, U) - y
            return shrink(U - eta * (r @ X), eta * beta)
        """,
    },
    "solvers-ex-3": {
        "products with X only": "return 12 * n * d * P",
        "the solves left out": "return 12 * n * d * P + 8 * d**2 * P",
        "F and F^T with 2P rows": "return 16 * n * d * P + 8 * d**2 * P + 2 * n**2",
        "multiplications only": "return 6 * n * d * P + 4 * d**2 * P + n**2",
    },
}
PLEASERS = {
    "solvers-ex-1": {
        "the check's own values": """
            x, y, z = (2.4, 3.2, 2.0) if tau == 1.0 else (1.5, 2.0, 0.5)
            return torch.tensor([[x, y], [z, 0], [0, 0], [0, 0]], dtype=q.dtype)
        """,
    },
    "solvers-ex-2": {
        "the check's own step size": """
            shared = D.double().T @ D.double()
            rate = 1 / torch.linalg.eigvalsh(X @ X.T * shared).max().item()
            r = convex.gated_sum(X, D, U) - y
            return shrink(U - rate * ((D * r) @ X), rate * beta)
        """,
    },
    "solvers-ex-3": {
        "right for few samples only": """
            return 12 * n * d * P + 8 * d**2 * P + 2 * min(n, 14) * n
        """,
    },
}
