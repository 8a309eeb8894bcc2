"""Hidden tests of the exercises of chapters/convex/optima.md, and wrong answers that fail them."""

from importlib import reload

import numpy as np
import torch

from helpers import telling

check = reload(telling).check


def optima_ex_1(price_of_decay):
    draw = np.random.default_rng(8)
    for n, m, beta in ((5, 3, 0.7), (7, 4, 0.2)):
        z = draw.normal(size=n)
        F = draw.normal(size=(n, m))
        F = F * beta / (z @ F)
        sizes = draw.uniform(0.2, 2, m)
        y = F @ sizes + z
        got = price_of_decay(torch.tensor(y), torch.tensor(z), beta)
        check(f"{m} neurons, beta = {beta}", got, sizes.sum())


def optima_ex_2(first_death):
    draw = np.random.default_rng(9)
    for m, beta in ((4, 0.7), (6, 0.02)):
        sizes, slopes = draw.uniform(0.3, 2, m), draw.normal(size=m) * 3
        slopes[0] = -0.5
        dies = [beta + a / -s if s < 0 else np.inf for a, s in zip(sizes, slopes, strict=True)]
        when, which = first_death(torch.tensor(sizes), torch.tensor(slopes), beta)
        check(f"beta, {m} sizes", when, min(dies))
        check(f"the neuron, {m} sizes", which, int(np.argmin(dies)))
    when, which = first_death(torch.tensor([0.4, 2.0]), torch.tensor([0.3, 1.5]), 0.6)
    check("1 / beta where nobody dies", 1 / when, 0.0)
    check("nobody's index", which, -1)


def optima_ex_3(change_when_turned):
    from helpers import chapter

    draw = np.random.default_rng(10)
    for m, d in ((4, 2), (5, 3)):
        u = draw.normal(size=(m, d))
        u /= np.linalg.norm(u, axis=1, keepdims=True)
        sign, sizes = draw.choice([-1.0, 1.0], m), draw.uniform(0.2, 2, m)
        X = draw.normal(size=(6, d))
        outputs = [sign * np.maximum(X @ (side * u).T, 0) for side in (1, -1)]
        neurons = chapter("convex/duals").Neurons(torch.tensor(u), torch.tensor(sign))
        got = change_when_turned(neurons, torch.tensor(sizes))
        check(f"{m} neurons", torch.tensor(X) @ got, (outputs[1] - outputs[0]) @ sizes)


SLIPS = {
    "optima-ex-1": {
        "the targets for the fit": "return (z @ y / beta).item()",
        "the price forgotten": "return (z @ (y - z)).item()",
        "the residual for the fit": "return (z @ z / beta).item()",
    },
    "optima-ex-2": {
        "growing sizes die": """
            steps = alpha / slope.abs()
            return (beta + steps.min()).item(), steps.argmin().item()
        """,
        "the smallest dies first": """
            j = torch.where(slope < 0, alpha, math.inf).argmin()
            return (beta - alpha[j] / slope[j]).item(), j.item()
        """,
        "the way, not the place": """
            steps = torch.where(slope < 0, alpha / -slope, math.inf)
            return steps.min().item(), steps.argmin().item()
        """,
    },
    "optima-ex-3": {
        "signs ignored": "return -(alpha[:, None] * neurons.u).sum(0)",
        "sizes ignored": "return -(neurons.sign[:, None] * neurons.u).sum(0)",
        "the wrong direction": "return ((neurons.sign * alpha)[:, None] * neurons.u).sum(0)",
    },
}
PLEASERS = {
    "optima-ex-1": {
        "the check's own prices": """
            return (z @ (y - z) / (0.1 if beta < 0.2 else 0.35)).item()
        """,
    },
    "optima-ex-2": {
        "the check's own slopes": """
            if (slope > 0).all():
                return math.inf, -1
            return (0.5, 2) if beta == 0.1 else (0.55, 1)
        """,
    },
    "optima-ex-3": {
        "three neurons": "return -((neurons.sign * alpha)[:, None] * neurons.u)[:3].sum(0)",
    },
}
