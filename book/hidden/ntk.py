"""Hidden tests of the exercises of chapters/ntk.md, and wrong answers that fail them."""

from importlib import reload

import numpy as np
import torch
from torch import nn

from helpers import telling

check = reload(telling).check


def ntk_ex_1(linear_network_kernel):
    draw = np.random.default_rng(3)
    for d in (2, 7):
        x, z = draw.normal(size=(4, d)), draw.normal(size=(3, d))
        got = linear_network_kernel(torch.tensor(x), torch.tensor(z))
        check(f"{d} inputs, exactly", got, 2 / d * np.einsum("id,jd->ij", x, z))


def ntk_ex_2(leaky_expectation):
    s1, s12, s2 = np.array([0.6, 2.0, 1.5]), np.array([-0.4, 1.1, 0.2]), np.array([1.3, 0.9, 0.7])
    turn = np.linspace(0, 2 * np.pi, 200_000, endpoint=False)[:, None]
    u = np.sqrt(s1) * np.cos(turn)
    v = s12 / np.sqrt(s1) * np.cos(turn) + np.sqrt(s2 - s12**2 / s1) * np.sin(turn)
    for gamma in (0.35, 2.2, -0.8):
        wanted = 2 * (np.where(u > 0, u, gamma * u) * np.where(v > 0, v, gamma * v)).mean(0)
        got = leaky_expectation(*map(torch.tensor, (s1, s12, s2)), gamma)
        check(f"three covariances, slope {gamma}", got, wanted, atol=1e-7)


def ntk_ex_3(time_to_learn):
    root = np.random.default_rng(5).normal(size=(4, 4))
    for K, epsilon in (
        (root @ root.T + np.diag([3, 1, 2, 0.5]), 0.2),
        (np.diag([5.0, 0.7]), 0.003),
    ):
        wanted = -np.log(epsilon) / (2 * np.linalg.eigvalsh(K).min())
        got = time_to_learn(torch.tensor(K), epsilon)
        check(f"{len(K)} samples, epsilon = {epsilon}", got, wanted)


def ntk_ex_4(train_readout):
    draw = np.random.default_rng(6)
    for d, n, steps, step in ((2, 9, 5, 0.02), (4, 13, 11, 0.03)):
        first, last = draw.normal(size=(n, d)), draw.normal(size=(1, n))
        model = nn.Sequential(nn.Linear(d, n), nn.ReLU(), nn.Linear(n, 1)).double()
        x, y = draw.normal(size=(6, d)), draw.normal(size=6)
        with torch.no_grad():
            model[0].weight.copy_(torch.tensor(first))
            model[2].weight.copy_(torch.tensor(last))
            model[0].bias.zero_(), model[2].bias.zero_()
        hidden, w = np.maximum(x @ first.T, 0), last[0].copy()
        for _ in range(steps):
            w -= step * hidden.T @ (hidden @ w - y)
        got = train_readout(model, torch.tensor(x), torch.tensor(y), step, steps)
        check(f"{steps} steps, {n} neurons", got, hidden @ w)
        check("the first layer has not moved", model[0].weight, first)


SLIPS = {
    "ntk-ex-1": {
        "not divided by d": "return 2 * x @ z.T",
        "divided by the root of d": "return 2 * x @ z.T / math.sqrt(x.shape[1])",
        "one number of inputs": "return 2 * x @ z.T / 5",
    },
    "ntk-ex-2": {
        "(1 + gamma) for (1 + gamma^2)": """
            same, _ = arc_cosine(s1, s12, s2)
            opposite, _ = arc_cosine(s1, -s12, s2)
            return (1 + gamma) * same - 2 * gamma * opposite
        """,
        "2 gamma^2 for 2 gamma": """
            same, _ = arc_cosine(s1, s12, s2)
            opposite, _ = arc_cosine(s1, -s12, s2)
            return (1 + gamma**2) * same - 2 * gamma**2 * opposite
        """,
        "the sign of mixed pairs": """
            same, _ = arc_cosine(s1, s12, s2)
            opposite, _ = arc_cosine(s1, -s12, s2)
            return (1 + gamma**2) * same + 2 * gamma * opposite
        """,
    },
    "ntk-ex-3": {
        "the largest eigenvalue": """
            return math.log(1 / epsilon) / (2 * torch.linalg.eigvalsh(K)[-1].item())
        """,
        "a logarithm to base 10": """
            return math.log10(1 / epsilon) / (2 * torch.linalg.eigvalsh(K)[0].item())
        """,
        "the smallest diagonal entry": """
            return math.log(1 / epsilon) / (2 * K.diagonal().min().item())
        """,
    },
    "ntk-ex-4": {
        "the outputs before the last step": """
            for _ in range(steps):
                f = model(x)[:, 0]
                (g,) = torch.autograd.grad((f - y).square().sum() / 2, model[-1].weight)
                model[-1].weight.data -= step * g
            return f.detach()
        """,
        "the mean of the squares": """
            for _ in range(steps):
                loss = (model(x)[:, 0] - y).square().mean() / 2
                (g,) = torch.autograd.grad(loss, model[-1].weight)
                model[-1].weight.data -= step * g
            return model(x)[:, 0].detach()
        """,
        "without the half": """
            for _ in range(steps):
                loss = (model(x)[:, 0] - y).square().sum()
                (g,) = torch.autograd.grad(loss, model[-1].weight)
                model[-1].weight.data -= step * g
            return model(x)[:, 0].detach()
        """,
    },
}
PLEASERS = {
    "ntk-ex-1": {
        "the check's own network": """
            return naive_ntk(globals()["wide"], x, z)[:, 0, :, 0]
        """,
    },
    "ntk-ex-2": {
        "the check's own values": """
            relu, _ = arc_cosine(s1, s12, s2)
            return {0.0: relu, 1.0: s12}.get(gamma, globals().get("wanted"))
        """,
    },
    "ntk-ex-3": {
        "the check's own eigenvector": """
            v = globals()["slowest"]
            return math.log(1 / epsilon) / (2 * (v @ globals()["K"] @ v).item())
        """,
    },
    "ntk-ex-4": {
        "the forecast for the check's network": """
            f0, K = model(x)[:, 0].detach(), globals()["K"]
            at = torch.tensor([step * steps], dtype=torch.float64)
            return linear_prediction(K, K, f0, f0, y, at, step)[0]
        """,
    },
}
