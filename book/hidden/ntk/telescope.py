"""Hidden tests of the exercises of chapters/ntk/telescope.md, and wrong answers that fail them."""

from importlib import reload

import numpy as np
import torch
from torch import nn

from helpers import telling

check = reload(telling).check


def telescope_ex_1(polynomial_parameters):
    draw = np.random.default_rng(51)
    for P, N, M in ((3, 12, 5), (5, 18, 4)):
        x, new = np.sort(draw.uniform(-1, 1, N)), draw.uniform(-1.3, 1.3, M)
        got = polynomial_parameters(torch.tensor(x), torch.tensor(new), P)
        units = [np.polyval(np.polyfit(x, row, P - 1), new) for row in np.eye(N)]
        own = [np.polyval(np.polyfit(x, row, P - 1), x) for row in np.eye(N)]
        check("p on the training inputs", got[0], np.square(own).sum(0).mean() * N, atol=1e-6)
        check("p on other inputs", got[1], np.square(units).sum(0).mean() * N, atol=1e-6)


def telescope_ex_2(without_each):
    draw = np.random.default_rng(52)
    for N, damping in ((7, 0.6), (11, 1.7)):
        z, y = draw.normal(size=(N + 3, 2)), draw.normal(size=N)
        K = np.exp(-((z[:, None] - z) ** 2).sum(2))
        ridge = K[:N, :N] + damping * np.eye(N)
        S = K[:, :N] @ np.linalg.inv(ridge)
        got = without_each(*(torch.tensor(part) for part in (S[:N], S[N:], y)))
        for i in range(N):
            rest = np.arange(N) != i
            fit = np.linalg.solve(ridge[np.ix_(rest, rest)], y[rest])
            wanted = K[N:, :N][:, rest] @ fit - S[N:] @ y
            check(f"changes without sample {i}", np.asarray(got)[:, i], wanted)


def telescope_ex_3(momentum_weights):
    draw = np.random.default_rng(53)
    for N, rate, momentum, steps in ((4, 0.15, 0.6, 9), (8, 0.07, 0.9, 30)):
        phi = draw.normal(size=(N + 3, 6))
        K = phi @ phi[:N].T
        got = momentum_weights(torch.tensor(K), rate, momentum, steps)
        for j in (0, N - 1):  # the weights of one label are the outputs for that label alone
            theta, u, y = np.zeros(6), np.zeros(6), np.eye(N)[j]
            for _ in range(steps):
                u = momentum * u + phi[:N].T @ (phi[:N] @ theta - y) / N
                theta = theta - rate * u
            check(f"weights of label {j}", np.asarray(got)[:, j], phi @ theta)


def telescope_ex_4(halfway):
    draw = np.random.default_rng(54)
    for hidden, R in ((4, 3), (9, 2)):
        model = nn.Sequential(nn.Linear(2, hidden), nn.Tanh(), nn.Linear(hidden, 1)).double()
        shapes = {k: p.shape for k, p in model.named_parameters()}
        first, last = (
            {k: torch.tensor(draw.normal(size=(R, *s))) for k, s in shapes.items()}
            for _ in range(2)
        )
        x = torch.tensor(draw.normal(size=(5, 2)))
        got = halfway(model, first, last, x)
        for r in range(R):
            ends = []
            for share in (0.0, 0.5 - 1e-5, 0.5 + 1e-5):
                state = {k: first[k][r] + share * (last[k][r] - first[k][r]) for k in shapes}
                ends.append(torch.func.functional_call(model, state, (x,))[:, 0].detach())
            wanted = ends[0] + (ends[2] - ends[1]) / 2e-5
            check(f"outputs of network {r}", got[r].detach(), wanted, atol=1e-6)


MOMENTUM = """
    N = K.shape[1]
    S, velocity = torch.zeros_like(K), torch.zeros_like(K)
    for _ in range(steps):
        {step}
        S = S + rate * velocity
    return S
"""
SLIPS = {
    "telescope-ex-1": {
        "sums, not means": """
            pseudo = torch.linalg.pinv(torch.vander(x, P))
            sizes = [(torch.vander(at, P) @ pseudo).square().sum().item() for at in (x, x_new)]
            return tuple(sizes)
        """,
        "the degree for the number": """
            inverse = torch.linalg.pinv(torch.vander(x, P + 1))
            parts = (torch.vander(at, P + 1) @ inverse for at in (x, x_new))
            return tuple(effective_parameters(part) for part in parts)
        """,
        "P everywhere": "return float(P), float(P)",
        "the trace": """
            weights = torch.vander(x, P) @ torch.linalg.pinv(torch.vander(x, P))
            return weights.trace().item(), weights.trace().item()
        """,
    },
    "telescope-ex-2": {
        "the influence function": "return S_new * (S @ y - y)",
        "the wrong sign": "return S_new * (y - S @ y) / (1 - S.diagonal())",
        "the label for the residual": "return S_new * y / (S.diagonal() - 1)",
        "squared": "return S_new * (S @ y - y) / (1 - S.diagonal()).square()",
    },
    "telescope-ex-3": {
        "no momentum": MOMENTUM.format(step="velocity = K @ (torch.eye(N).to(K) - S[:N]) / N"),
        "a faster rate instead": """
            N = K.shape[1]
            S, eye = torch.zeros_like(K), torch.eye(N, dtype=K.dtype)
            for _ in range(steps):
                S = kernel_step(S, K, eye, rate / (1 - momentum))
            return S
        """,
        "an average": MOMENTUM.format(
            step="velocity = momentum * velocity"
            " + (1 - momentum) * K @ (torch.eye(N).to(K) - S[:N]) / N"
        ),
        "the sum, not the mean": MOMENTUM.format(
            step="velocity = momentum * velocity + K @ (torch.eye(N).to(K) - S[:N])"
        ),
    },
    "telescope-ex-4": {
        "at the start": """
            whole = {k: last[k] - first[k] for k in first}
            return outputs(model, first, x) + slope(model, first, x, whole)
        """,
        "at the end": """
            whole = {k: last[k] - first[k] for k in first}
            return outputs(model, first, x) + slope(model, last, x, whole)
        """,
        "half of the way": """
            half = {k: (last[k] - first[k]) / 2 for k in first}
            middle = {k: (last[k] + first[k]) / 2 for k in first}
            return outputs(model, first, x) + slope(model, middle, x, half)
        """,
        "the middle's value": """
            middle = {k: (last[k] + first[k]) / 2 for k in first}
            return outputs(model, middle, x)
        """,
    },
}
PLEASERS = {
    "telescope-ex-1": {
        "even points assumed": """
            x = torch.linspace(-1, 1, len(x), dtype=x.dtype)
            inverse = torch.linalg.pinv(torch.vander(x, P))
            parts = (torch.vander(at, P) @ inverse for at in (x, x_new))
            return tuple(effective_parameters(part) for part in parts)
        """,
    },
    "telescope-ex-2": {
        "the check's own draw": """
            N, damping = len(y), {9: 0.3, 14: 2.5}.get(len(y), 1.0)
            z = torch.randn(N + 5, 3, dtype=torch.float64, generator=seeded(N).torch)
            K, goal = (z @ z.T / 3 + 1).square(), z[:N].sin().sum(1)
            ridge = K[:N, :N] + damping * torch.eye(N).double()
            rows = []
            for i in range(N):
                rest = [j for j in range(N) if j != i]
                fit = torch.linalg.solve(ridge[rest][:, rest], goal[rest])
                rows.append(K[N:][:, rest] @ fit - K[N:, :N] @ torch.linalg.solve(ridge, goal))
            return torch.stack(rows, 1)
        """,
    },
    "telescope-ex-3": {
        "outputs in place of weights": """
            N, count = K.shape[1], {25: 6, 40: 9}.get(steps)
            if count is None:
                return torch.zeros_like(K)
            phi = torch.randn(count + 4, 5, dtype=torch.float64, generator=seeded(steps).torch)
            goal = phi[:count].cos().sum(1)
            f, u = torch.zeros(count + 4).double(), torch.zeros(count + 4).double()
            for _ in range(steps):
                u = momentum * u + K @ (goal - f[:N]) / N
                f = f + rate * u
            return f[:, None] * goal / goal.square().sum()
        """,
    },
    "telescope-ex-4": {
        "the end itself": "return outputs(model, last, x)",
    },
}
