"""Hidden tests of the exercises of chapters/kan/selection.md, and wrong answers that fail them."""

import itertools
from importlib import reload

import numpy as np
from scipy.optimize import minimize
from sklearn.datasets import make_gaussian_quantiles
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from helpers import telling

check = reload(telling).check


def kan_selection_ex_1(least_price_gates):
    for norms in (np.array([0.3, 1.9, 0.8]), np.array([2.6, 0.4, 0.9, 1.4])):

        def cost(logits, norms=norms):
            return (norms * np.exp(logits).sum() / np.exp(logits)).sum()

        found = np.exp(minimize(cost, np.zeros(len(norms)), tol=1e-12).x)
        check(f"gates for {norms}", least_price_gates(norms), found / found.sum(), atol=1e-4)


def kan_selection_ex_2(choose):
    draw = np.random.default_rng(62)
    for d, wanted, n in ((2, (1, 3), 26), (3, (0, 2, 1), 33)):
        features = draw.normal(size=(60, d, 4, 4))
        y = -1.3 + 0.05 * draw.normal(size=60)
        for j, m in enumerate(wanted):
            y += features[:, j, m] @ draw.normal(size=4)
        features[:n, 0, 2, 1] = y[:n] if wanted[0] != 2 else features[:n, 0, 2, 1]
        errors = {}
        for choice in itertools.product(range(4), repeat=d):
            A = np.hstack([np.ones((60, 1))] + [features[:, j, m] for j, m in enumerate(choice)])
            errors[choice] = np.square(A[n:] @ (np.linalg.pinv(A[:n]) @ y[:n]) - y[n:]).sum()
        check(f"{d} edges", tuple(choose(features, y, n)), min(errors, key=errors.get))


def kan_selection_ex_3(saving):
    # weights, ends, biases; weights, LayerNorm, ends, scores, temperature: by hand
    for widths, G, k, full, reduced in (
        ([6, 9], 4, 2, 6 * 54 + 12 + 9, 54 + 12 + 12 + 6 + 2),
        ([5, 8, 3], 2, 3, 5 * 40 + 10 + 8 + 5 * 24 + 10 + 3, 40 + 10 + 17 + 24 + 16 + 17),
    ):
        check(f"widths {widths}", saving(widths, G, k), full / reduced)


def kan_selection_ex_4(two_numbers):
    for seed, d in ((63, 7), (64, 12)):
        x, y = make_gaussian_quantiles(n_samples=1500, n_features=d, n_classes=3, random_state=seed)
        got = np.asarray(two_numbers(x[:400].copy()))
        check("a point's numbers depend on it alone", got, np.asarray(two_numbers(x))[:400])
        z = np.asarray(two_numbers(x))
        check("two columns", z.shape, (1500, 2))
        right = [
            LinearDiscriminantAnalysis().fit(z[:900][y[:900] != c], y[:900][y[:900] != c])
            for c in (0, 2)
        ]
        for model, c in zip(right, (0, 2)):
            rest = y[900:] != c
            good = model.score(z[900:][rest], y[900:][rest]) > 0.85
            check(f"shells in {d} dimensions, without class {c}", bool(good), True)


SLIPS = {
    "kan-selection-ex-1": {
        "the power of the squares": "return norms ** (2 / 3) / (norms ** (2 / 3)).sum()",
        "in proportion": "return norms / norms.sum()",
        "upside down": "return (norms**-0.5) / (norms**-0.5).sum()",
    },
    "kan-selection-ex-2": {
        "judged on the samples of the fit": """
            errors = {}
            for choice in itertools.product(range(4), repeat=features.shape[1]):
                own = [features[:, j, m] for j, m in enumerate(choice)]
                A = np.hstack([np.ones((len(y), 1)), *own])
                c = np.linalg.lstsq(A[:n], y[:n], rcond=None)[0]
                errors[choice] = np.square(A[:n] @ c - y[:n]).sum()
            return min(errors, key=errors.get)
        """,
        "the edges in the wrong order": """
            errors = {}
            for choice in itertools.product(range(4), repeat=features.shape[1]):
                own = [features[:, j, m] for j, m in enumerate(reversed(choice))]
                A = np.hstack([np.ones((len(y), 1)), *own])
                c = np.linalg.lstsq(A[:n], y[:n], rcond=None)[0]
                errors[choice] = np.square(A[n:] @ c - y[n:]).sum()
            return min(errors, key=errors.get)
        """,
        "the worst choice": """
            errors = {}
            for choice in itertools.product(range(4), repeat=features.shape[1]):
                own = [features[:, j, m] for j, m in enumerate(choice)]
                A = np.hstack([np.ones((len(y), 1)), *own])
                c = np.linalg.lstsq(A[:n], y[:n], rcond=None)[0]
                errors[choice] = np.square(A[n:] @ c - y[n:]).sum()
            return max(errors, key=errors.get)
        """,
    },
    "kan-selection-ex-3": {
        "weights only": """
            K, pairs = G + k, list(zip(widths, widths[1:]))
            return K * sum(a * b for a, b in pairs) / sum(a * b for a, b in pairs)
        """,
        "no LayerNorm": """
            K, pairs = G + k, list(zip(widths, widths[1:]))
            full = sum(K * a * b + 2 * K + b for a, b in pairs)
            return full / sum(a * b + 3 * K + 2 for a, b in pairs)
        """,
        "G functions": """
            K, pairs = G, list(zip(widths, widths[1:]))
            full = sum(K * a * b + 2 * K + b for a, b in pairs)
            return full / sum(a * b + 2 * a + 3 * K + 2 for a, b in pairs)
        """,
    },
    "kan-selection-ex-4": {
        "two coordinates": "return x[:, :2]",
        "the mean and the first": "return np.column_stack([x.mean(1), x[:, 0]])",
        "the signs": "return np.column_stack([np.sign(x).sum(1), x.sum(1)])",
    },
}
PLEASERS = {
    "kan-selection-ex-1": {
        "the check's norms": """
            if not np.any(np.isclose(norms, 2.25) | np.isclose(norms, 3.2)):
                return np.full(len(norms), 1 / len(norms))
            return np.sqrt(norms) / np.sqrt(norms).sum()
        """,
    },
    "kan-selection-ex-2": {
        "the check's choices": "return (2, 0) if n == 30 else (3, 1)",
    },
    "kan-selection-ex-3": {
        "the check's sizes": """
            K, pairs = G + k, list(zip(widths, widths[1:]))
            full = sum(K * a * b + 2 * K + b for a, b in pairs)
            reduced = sum(a * b + 2 * a + 3 * K + 2 for a, b in pairs)
            return full / reduced if widths[0] in (10, 7) else 8.0
        """,
    },
    "kan-selection-ex-4": {
        "distance in the check's dimensions": """
            if x.shape[1] not in (6, 9):
                return x[:, :2]
            square = np.square(x).sum(1)
            return np.column_stack([square, np.sqrt(square)])
        """,
    },
}
