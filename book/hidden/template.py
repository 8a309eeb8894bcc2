"""Hidden tests of the exercises of chapters/template.md, and wrong answers that fail them."""

from importlib import reload

import numpy as np
import torch

from helpers import telling

check = reload(telling).check


def template_ex_1(slope):
    draw = np.random.default_rng(3)
    for N, d, penalty in ((7, 4, 0.6), (3, 5, 1.7)):
        A, y, w = draw.normal(size=(N, d)), draw.normal(size=N), draw.normal(size=d)
        wanted = 2 * np.einsum("nd,n->d", A, A @ w - y) / N + 2 * penalty * w
        got = slope(*map(torch.tensor, (A, y, w)), penalty)
        check(f"{N} samples, {d} coefficients, penalty {penalty}", got, wanted)


def template_ex_2(in_use):
    draw = np.random.default_rng(4)
    for N, d, penalty in ((6, 2, 0.4), (5, 8, 1.3)):
        A = draw.normal(size=(N, d))
        fitted = A @ np.linalg.solve(A.T @ A / N + penalty * np.eye(d), A.T / N)
        got = in_use(torch.tensor(A), penalty)
        check(f"{N} samples, {d} coefficients, penalty {penalty}", got, fitted.trace())


# Ordinary slips: the check on the page refuses them, and so does the hidden test.
SLIPS = {
    "template-ex-1": {
        "no factor 2": "return A.T @ (A @ w - y) / len(A) + penalty * w",
        "the penalty's part forgotten": "return 2 * A.T @ (A @ w - y) / len(A)",
        "the sign of the residual": "return 2 * A.T @ (y - A @ w) / len(A) + 2 * penalty * w",
    },
    "template-ex-2": {
        "singular values, not their squares": """
            values = torch.linalg.svdvals(A) / len(A)
            return (values / (values + penalty)).sum()
        """,
        "all coefficients": "return torch.tensor(A.shape[1], dtype=A.dtype)",
        "the shrinking of the largest": """
            values = torch.linalg.svdvals(A).square() / len(A)
            return (values / (values + penalty)).max()
        """,
    },
}
# Answers that only please the check on the page: the hidden test refuses them.
PLEASERS = {
    "template-ex-1": {
        "the check's own gradient": """
            w = globals()["w"]
            return torch.autograd.grad(globals()["loss"], w, retain_graph=True)[0]
        """,
    },
    "template-ex-2": {"the check's own value": 'return globals()["fitted"].trace()'},
}
