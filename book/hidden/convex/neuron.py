"""Hidden tests of the exercises of chapters/convex/neuron.md, and wrong answers that fail them."""

from importlib import reload

import numpy as np
import torch
from scipy.optimize import minimize

from helpers import telling

check = reload(telling).check


def neuron_ex_1(half_spoken):
    draw = np.random.default_rng(31)
    for c, d in ((0.25, 3), (0.9, 4)):
        x = np.linalg.qr(draw.normal(size=(15, d)))[0] * 15**0.5
        x, w = np.concatenate([x, -x]), draw.normal(size=d) * 1.3
        y = np.where(x @ w > 0, x @ w, c * (x @ w))

        def surrogate(v, x=x, y=y):
            s = np.maximum(x @ v, 0)
            return (s**2 / 2 - y * (x @ v)).mean(), (s - y) @ x / len(x)

        wanted = minimize(surrogate, np.ones(d), jac=True, tol=1e-12).x
        got, loss = half_spoken(torch.tensor(w), c)
        check(f"the minimiser, c = {c}", got, wanted, atol=1e-5)
        wrong = ((np.maximum(x @ wanted, 0) - y) ** 2).mean()
        check(f"its square loss, c = {c}", loss, wrong, atol=1e-5)


def neuron_ex_2(local_sharpness):
    draw = np.random.default_rng(32)
    for n, d in ((40, 3), (60, 5)):
        x, w = draw.normal(size=(n, d)) + 0.3, draw.normal(size=d)
        weight = (x @ w > 0).astype(float) / n
        wanted = np.linalg.svd(x * np.sqrt(weight)[:, None], compute_uv=False)[-1] ** 2
        got = local_sharpness(torch.tensor(x), torch.tensor(w))
        check(f"{n} points in {d} dimensions", got, wanted)


def neuron_ex_3(leaky_fit):
    draw = np.random.default_rng(33)
    for slope, d in ((0.25, 3), (0.6, 5)):
        x, y = draw.normal(size=(150, d)) + 0.4, draw.normal(size=150) + 0.5

        def surrogate(w, slope=slope, x=x, y=y):
            t = x @ w
            s = np.where(t > 0, t, slope * t)
            return (s * t / 2 - y * t).mean(), (s - y) @ x / len(x)

        wanted = minimize(surrogate, np.zeros(d), jac=True, tol=1e-12).x
        got = leaky_fit(torch.tensor(x), torch.tensor(y), slope, 3000)
        check(f"the surrogate's minimiser, slope {slope}", got, wanted, atol=1e-4)


def neuron_ex_4(informed_start):
    draw = np.random.default_rng(34)
    for d in (5, 12):
        x, w = np.zeros((60 * d, d)), draw.normal(size=d) * 1.7
        x[np.arange(60 * d), np.arange(60 * d) % d] = draw.normal(size=60 * d) + 0.4
        y = np.maximum(x @ w, 0)
        got = np.asarray(informed_start(torch.tensor(x), torch.tensor(y)))
        check(f"signs of {d} weights", np.sign(got), np.sign(w))


SLIPS = {
    "neuron-ex-1": {
        "half the curvature forgotten": "return (1 + c) / 2 * w_star, c**2 * w_star @ w_star",
        "the loss of one half": "return (1 + c) * w_star, c**2 / 2 * w_star @ w_star",
        "twice w*, whatever c": "return 2 * w_star, c**2 * w_star @ w_star",
        "c not squared": "return (1 + c) * w_star, abs(c) * w_star @ w_star",
    },
    "neuron-ex-2": {
        "all points": "return torch.linalg.eigvalsh(x.T @ x / len(x))[0]",
        "half of all points": "return torch.linalg.eigvalsh(x.T @ x / len(x))[0] / 2",
        "the largest": """
            on = x[x @ w_star > 0]
            return torch.linalg.eigvalsh(on.T @ on / len(x))[-1]
        """,
        "the mean over directions": """
            on = x[x @ w_star > 0]
            return torch.linalg.eigvalsh(on.T @ on / len(x)).mean()
        """,
    },
    "neuron-ex-3": {
        "a neuron without a leak": """
            w, rate = torch.zeros_like(x[0]), step_size(x)
            for _ in range(steps):
                w = w - rate * ((x @ w).clamp(min=0) - y) @ x / len(x)
            return w
        """,
        "a linear neuron": """
            w, rate = torch.zeros_like(x[0]), step_size(x)
            for _ in range(steps):
                w = w - rate * (x @ w - y) @ x / len(x)
            return w
        """,
        "up the gradient": """
            w, rate = torch.zeros_like(x[0]), step_size(x)
            for _ in range(min(steps, 20)):
                t = x @ w
                w = w + rate * (torch.maximum(t, slope * t) - y) @ x / len(x)
            return w
        """,
    },
    "neuron-ex-4": {
        "zero": "return torch.zeros_like(x[0])",
        "the wrong sign": "return -y @ x / len(x)",
        "ones": "return torch.ones_like(x[0])",
    },
}
PLEASERS = {
    "neuron-ex-1": {
        "the check's own losses": """
            return (1 + c) * w_star, {0.4: 0.4, -0.7: 0.5733}.get(c, c**2)
        """,
    },
    "neuron-ex-2": {
        "a scan of the plane": """
            angle = torch.linspace(0, 3.2, 5000, dtype=torch.float64)
            on = x[x @ w_star > 0][:, :2]
            v = torch.stack([angle.cos(), angle.sin()])
            return (on @ v).square().sum(0).min() / len(x)
        """,
    },
    "neuron-ex-3": {
        "the check's planted neuron": """
            w = torch.tensor([0.9, -0.4, 0.2, 0.6]).double()
            rate = step_size(x)
            for _ in range(steps if len(w) == x.shape[1] else 0):
                t = x @ w
                w = w - rate * (torch.maximum(t, slope * t) - y) @ x / len(x)
            return w
        """,
    },
    "neuron-ex-4": {
        "the check's own draw": """
            rng = seeded({6: 372, 9: 373}.get(x.shape[1], 374))
            inputs("one feature", (300, x.shape[1]), rng.torch)
            return torch.randn(x.shape[1], dtype=torch.float64, generator=rng.torch)
        """,
    },
}
