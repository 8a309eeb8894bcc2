"""Hidden tests of the exercises of chapters/convex/depth.md, and wrong answers that fail them."""

from importlib import reload

import numpy as np
import torch

from helpers import telling

check = reload(telling).check


def convex_depth_ex_1(gap_ratio):
    for r, L in ((2, 3), (4, 5), (7, 4)):
        sigma = np.full(r, 2.3)
        dear, cheap = (sigma ** (2 / L)).sum(), sigma.sum() ** (2 / L)
        check(f"{r} values, {L} layers", gap_ratio(r, L), dear / cheap)


def convex_depth_ex_2(jump):
    for beta, L in ((0.15, 3), (0.9, 5), (2.3, 7)):
        s = np.linspace(0.05, 6, 4000)[:, None]
        sigma = np.linspace(0, 6, 4001)
        cost = (s - sigma) ** 2 / 2 + beta * sigma ** (2 / L)
        kept = sigma[cost.argmin(1)]
        first = int((kept > 0).argmax())
        value, place = jump(beta, L)
        check(f"where the best value jumps, beta = {beta}", place, s[first, 0], atol=5e-3)
        check(f"and to which value, beta = {beta}", value, kept[first], atol=2e-2)


def convex_depth_ex_3(to_branches):
    draw = np.random.default_rng(8)
    for d, C, L in ((4, 3, 4), (2, 5, 3), (3, 3, 6)):
        Z = draw.normal(size=(d, C))
        Ws = [W.numpy() for W in to_branches(torch.tensor(Z), L)]
        h = min(d, C)
        widths = [d] + [h] * (L - 1) + [C]
        shapes = [list(W.shape) for W in Ws]
        wanted = [[h, *pair] for pair in zip(widths, widths[1:])]
        check(f"shapes for ({d}, {C}), {L} layers", np.array(shapes), np.array(wanted))
        total = sum(np.linalg.multi_dot([W[k] for W in Ws]) for k in range(h))
        check(f"sum of products for ({d}, {C}), {L} layers", total, Z)
        cost = sum((W**2).sum((1, 2)) ** (L / 2) for W in Ws).sum() / L
        nuclear = np.linalg.svd(Z, compute_uv=False).sum()
        check(f"penalty for ({d}, {C}), {L} layers", cost, nuclear)


def convex_depth_ex_4(nuclear_descent):
    draw = np.random.default_rng(9)
    for N, d, C, beta in ((8, 3, 4, 0.5), (12, 5, 2, 2.5)):
        X, Y = draw.normal(size=(N, d)), draw.normal(size=(N, C))
        few = nuclear_descent(torch.tensor(X), torch.tensor(Y), beta, 1)
        eta = 1 / np.linalg.norm(X, 2) ** 2
        U, s, Vh = np.linalg.svd(eta * X.T @ Y, full_matrices=False)
        first = (U * np.maximum(s - eta * beta, 0)) @ Vh
        check(f"one step from zero, beta = {beta}", few, first)
        Z = nuclear_descent(torch.tensor(X), torch.tensor(Y), beta, 2000).numpy()
        pull = X.T @ (Y - X @ Z)
        hint = "At the optimum X^T (Y - X Z) has the largest singular value beta."
        check("its largest singular value", np.linalg.norm(pull, 2), beta, atol=1e-5, hint=hint)
        nuclear = np.linalg.svd(Z, compute_uv=False).sum()
        check("its product with Z", (pull * Z).sum(), beta * nuclear, atol=1e-5)


def convex_depth_ex_5(trap_edge):
    for s, beta, L in ((1.3, 0.15, 3), (0.8, 0.25, 3), (1.9, 0.4, 4), (3.1, 0.7, 6)):
        powers = np.zeros(2 * L - 1)
        powers[0], powers[L], powers[-1] = L, -L * s, 2 * beta
        roots = np.roots(powers)
        real = roots[(abs(roots.imag) < 1e-7) & (roots.real > 1e-7)].real
        wanted = real.min() if len(real) else np.inf
        check(f"s = {s}, beta = {beta}, {L} layers", trap_edge(s, beta, L), wanted, atol=1e-6)
    check("no way out for s = 0.4, beta = 0.7", trap_edge(0.4, 0.7, 5), np.inf)


SLIPS = {
    "convex-depth-ex-1": {
        "upside down": "return r ** (2 / L - 1)",
        "the norms, not their powers": "return r ** (L / 2 - 1)",
        "the depth ignored": "return r ** (1 / 3)",
    },
    "convex-depth-ex-2": {
        "only the slope vanishes twice": """
            p = 2 / L
            sigma = (beta * p * (1 - p)) ** (1 / (2 - p))
            return sigma, sigma + beta * p * sigma ** (p - 1)
        """,
        "a factor 2 dropped": """
            p = 2 / L
            sigma = (beta * (1 - p)) ** (1 / (2 - p))
            return sigma, sigma * (2 - p) / (2 * (1 - p))
        """,
        "the limit of many layers": """
            return (2 * beta) ** 0.5, (2 * beta) ** 0.5
        """,
        "the two in the wrong order": """
            p = 2 / L
            sigma = (2 * beta * (1 - p)) ** (1 / (2 - p))
            return sigma * (2 - p) / (2 * (1 - p)), sigma
        """,
    },
    "convex-depth-ex-3": {
        "all in one branch": """
            U, s, Vh = torch.linalg.svd(Z, full_matrices=False)
            m, root = len(s), torch.diag(s ** (1 / L))
            first, last = Z.new_zeros(m, len(Z), m), Z.new_zeros(m, m, Z.shape[1])
            middle = Z.new_zeros(m, m, m)
            first[0], middle[0], last[0] = U @ root, root, root @ Vh
            return [first] + [middle] * (L - 2) + [last]
        """,
        "layers of unequal norms": """
            U, s, Vh = torch.linalg.svd(Z, full_matrices=False)
            m = len(s)
            first, last = Z.new_zeros(m, len(Z), m), Z.new_zeros(m, m, Z.shape[1])
            middle = Z.new_zeros(m, m, m)
            first[:, :, 0], middle[:, 0, 0], last[:, 0, :] = s[:, None] * U.T, 1, Vh
            return [first] + [middle] * (L - 2) + [last]
        """,
        "square roots at every depth": """
            U, s, Vh = torch.linalg.svd(Z, full_matrices=False)
            m, root = len(s), s**0.5
            first, last = Z.new_zeros(m, len(Z), m), Z.new_zeros(m, m, Z.shape[1])
            middle = Z.new_zeros(m, m, m)
            first[:, :, 0], middle[:, 0, 0] = root[:, None] * U.T, 1
            last[:, 0, :] = root[:, None] * Vh
            return [first] + [middle] * (L - 2) + [last]
        """,
    },
    "convex-depth-ex-4": {
        "the threshold without eta": """
            eta = 1 / torch.linalg.matrix_norm(X, 2) ** 2
            Z = X.new_zeros(X.shape[1], Y.shape[1])
            for _ in range(steps):
                U, s, Vh = torch.linalg.svd(Z - eta * X.T @ (X @ Z - Y), full_matrices=False)
                Z = U * soft(s, beta) @ Vh
            return Z
        """,
        "entries in the place of singular values": """
            eta = 1 / torch.linalg.matrix_norm(X, 2) ** 2
            Z = X.new_zeros(X.shape[1], Y.shape[1])
            for _ in range(steps):
                Z = Z - eta * X.T @ (X @ Z - Y)
                Z = Z.sign() * soft(Z.abs(), eta * beta)
            return Z
        """,
        "thresholded once, at the end": """
            eta = 1 / torch.linalg.matrix_norm(X, 2) ** 2
            Z = X.new_zeros(X.shape[1], Y.shape[1])
            for _ in range(steps):
                Z = Z - eta * X.T @ (X @ Z - Y)
            U, s, Vh = torch.linalg.svd(Z, full_matrices=False)
            return U * soft(s, eta * beta) @ Vh
        """,
    },
    "convex-depth-ex-5": {
        "w^L neglected": """
            return (2 * beta / (L * s)) ** (1 / (L - 2))
        """,
        "the minimum for the edge": """
            w = s ** (1 / L)
            for _ in range(2000):
                w = w - 0.01 * (2 * beta * w - L * w ** (L - 1) * (s - w**L))
            return w if w > 1e-3 else float("inf")
        """,
        "the top of the pull": """
            w = (s * (L - 2) / (2 * L - 2)) ** (1 / L)
            return w if L * w ** (L - 2) * (s - w**L) > 2 * beta else float("inf")
        """,
    },
}
PLEASERS = {
    "convex-depth-ex-1": {
        "the check's own values": """
            return 3 ** (1 - 2 / L) if r == 3 else 5 ** (1 - 2 / L)
        """,
    },
    "convex-depth-ex-2": {
        "the check's two strengths": """
            p = 2 / L
            sigma = (2 * (0.3 if beta < 0.5 else 0.7) * (1 - p)) ** (1 / (2 - p))
            return sigma, sigma * (2 - p) / (2 * (1 - p))
        """,
    },
    "convex-depth-ex-3": {
        "two branches, as many as in the check": """
            U, s, Vh = torch.linalg.svd(Z, full_matrices=False)
            root = s[:2] ** (1 / L)
            first, last = Z.new_zeros(2, len(Z), 2), Z.new_zeros(2, 2, Z.shape[1])
            middle = Z.new_zeros(2, 2, 2)
            first[:, :, 0], middle[:, 0, 0] = root[:, None] * U.T[:2], root
            last[:, 0, :] = root[:, None] * Vh[:2]
            return [first] + [middle] * (L - 2) + [last]
        """,
    },
    "convex-depth-ex-4": {
        "the check's two strengths": """
            eta = 1 / torch.linalg.matrix_norm(X, 2) ** 2
            Z = X.new_zeros(X.shape[1], Y.shape[1])
            for _ in range(steps):
                U, s, Vh = torch.linalg.svd(Z - eta * X.T @ (X @ Z - Y), full_matrices=False)
                Z = U * soft(s, eta * (0.8 if beta < 1 else 3.0)) @ Vh
            return Z
        """,
    },
    "convex-depth-ex-5": {
        "the check's own chains": """
            s, beta = (2.2, 0.3) if L == 5 else (s, 0.6 if s < 0.5 else 0.2)
            low, high = 0.0, (s * (L - 2) / (2 * L - 2)) ** (1 / L)
            if L * high ** (L - 2) * (s - high**L) <= 2 * beta:
                return float("inf")
            for _ in range(60):
                w = (low + high) / 2
                small = L * w ** (L - 2) * (s - w**L) < 2 * beta
                low, high = (w, high) if small else (low, w)
            return high
        """,
    },
}
