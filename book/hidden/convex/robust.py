"""Hidden tests of the exercises of chapters/convex/robust.md, and wrong answers that fail them."""

from importlib import reload

import cvxpy as cp
import numpy as np
import torch

from helpers import chapter, seeded, telling

check = reload(telling).check


def robust_ex_1(margin_in_balls):
    draw = np.random.default_rng(41)
    for eps, d in ((0.7, 3), (1.8, 4)):
        A, x, y = draw.normal(size=(5, d + 1)), draw.normal(size=(5, d)), draw.choice([-1, 1], 5)
        slope = A[:, :d]
        worst = x - eps * y[:, None] * slope / np.sqrt((slope**2).sum(1, keepdims=True))
        wanted = y * ((slope * worst).sum(1) + A[:, d])
        given = (torch.tensor(part, dtype=torch.float64) for part in (A, x, y))
        check(f"five points, eps = {eps}", margin_in_balls(*given, eps), wanted)


def robust_ex_2(gate_radius):
    draw = np.random.default_rng(42)
    for n, d in ((6, 2), (9, 4)):
        x, u = draw.normal(size=(n, d)), draw.normal(size=d + 1) * 2.5
        radius, delta = cp.Variable(), cp.Variable((n, d))
        wanted = np.inf
        for k in range(n):  # the nearest place on the kink, in the largest coordinate
            on_kink = (x[k] + delta[k]) @ u[:d] + u[d] == 0
            near = cp.Problem(cp.Minimize(radius), [on_kink, cp.abs(delta[k]) <= radius])
            wanted = min(wanted, near.solve(solver=cp.CLARABEL))
        got = gate_radius(torch.tensor(x), torch.tensor(u))
        check(f"{n} points in {d} dimensions", got, wanted, atol=1e-5)


def robust_ex_3(breaking_radius):
    draw = np.random.default_rng(43)
    slope, offset = np.array([1.3, -0.4]), 0.35  # (z)_+ - (-z)_+ is affine
    u = np.array([[*slope, offset], [*-slope, -offset]])
    x = draw.normal(size=(12, 2))
    y = np.where(np.arange(12) % 3 == 0, -1.0, 1.0)
    for most in (0.45, 1.6):
        wanted = np.clip(y * (x @ slope + offset) / np.abs(slope).sum(), 0, most)
        given = (torch.tensor(part) for part in (x, y, u, np.array([1.0, -1.0])))
        check(f"affine, at most {most}", breaking_radius(*given, most), wanted, atol=2e-6)
    u, a = np.array([[1.0, 0.0, 0.2], [1.0, 0.0, -0.4]]), np.array([2.0, -5.0])
    spot, plus = torch.tensor([[0.3, 0.0]]).double(), torch.ones(1).double()
    got = breaking_radius(spot, plus, torch.tensor(u), torch.tensor(a), 2.0)
    # f is 2 x + 0.4 up to x = 0.4, then 2.4 - 3 x: zeros at -0.2 (silent below) and at 0.8
    check("a tent", got, [0.5], atol=2e-6)


def robust_ex_4(axis_aware):
    robust, convex = chapter("convex/robust"), chapter("convex")
    x, y = robust.groups(24, seeded(44).torch)
    for t, beta in ((0.4, 0.003), (2.2, 0.03)):
        u, a = axis_aware(x, y, t, beta, seeded(45).torch)
        scaled = x * torch.tensor([t, 1.0], dtype=torch.float64)
        D = convex.sample_gates(convex.with_bias(scaled), 40, seeded(45).torch)
        V, W = (part.numpy() for part in robust.robust_program(scaled, y, D, 0.0, beta))
        places = np.random.default_rng(46).normal(size=(30, 2)) * [0.7, 0.4]
        rows = np.c_[places * [t, 1.0], np.ones(30)]
        wanted = np.maximum(rows @ V.T, 0).sum(1) - np.maximum(rows @ W.T, 0).sum(1)
        got = robust.output(torch.tensor(places), u, a)
        check(f"answers at 30 places, t = {t}", got, wanted, atol=1e-3)


SLIPS = {
    "robust-ex-1": {
        "the box's norm": """
            return y * (A * convex.with_bias(x)).sum(1) - eps * A[:, :-1].abs().sum(1)
        """,
        "the squared norm": """
            return y * (A * convex.with_bias(x)).sum(1) - eps * A[:, :-1].square().sum(1)
        """,
        "the constant attacked too": """
            return y * (A * convex.with_bias(x)).sum(1) - eps * A.norm(dim=1)
        """,
        "the attack helps": """
            return y * (A * convex.with_bias(x)).sum(1) + eps * A[:, :-1].norm(dim=1)
        """,
    },
    "robust-ex-2": {
        "balls": "return ((convex.with_bias(x) @ u).abs() / u[:-1].norm()).min()",
        "the bias in the norm": """
            return ((convex.with_bias(x) @ u).abs() / u.abs().sum()).min()
        """,
        "the largest entry": """
            return ((convex.with_bias(x) @ u).abs() / u[:-1].abs().max()).min()
        """,
        "the farthest point": """
            return ((convex.with_bias(x) @ u).abs() / u[:-1].abs().sum()).max()
        """,
    },
    "robust-ex-3": {
        "one affine piece": """
            margin = y * output(x, u, a)
            slope = (a[:, None] * u[:, :-1]).sum(0).abs().sum()
            return (margin / slope).clamp(0, most)
        """,
        "the other end": """
            low = robust_accuracy(x, y, most, u, a)
            return torch.where(exact_margin(x, y, most, u, a) > 0, 0 * y, most)
        """,
        "half a bisection": """
            low = torch.zeros_like(y)
            for k in range(1, 5):
                step = most / 2**k
                for i in range(len(x)):
                    at = low[i].item() + step
                    if exact_margin(x[[i]], y[[i]], at, u, a) > 0:
                        low[i] = at
            return low
        """,
    },
    "robust-ex-4": {
        "weights not transformed": """
            scale = torch.ones_like(x[0])
            scale[0] = t
            D = convex.sample_gates(convex.with_bias(x * scale), 40, generator)
            return convex.to_network(*robust_program(x * scale, y, D, 0.0, beta))
        """,
        "divided": """
            scale = torch.ones_like(x[0])
            scale[0] = t
            D = convex.sample_gates(convex.with_bias(x * scale), 40, generator)
            u, a = convex.to_network(*robust_program(x * scale, y, D, 0.0, beta))
            return u / F.pad(scale, (0, 1), value=1.0), a
        """,
        "all weights": """
            scale = torch.ones_like(x[0])
            scale[0] = t
            D = convex.sample_gates(convex.with_bias(x * scale), 40, generator)
            u, a = convex.to_network(*robust_program(x * scale, y, D, 0.0, beta))
            return t * u, a
        """,
    },
}
PLEASERS = {
    "robust-ex-1": {
        "a scan of the plane": """
            turn = torch.linspace(0, 2 * math.pi, 7201).double()
            circle = eps * torch.stack([turn.cos(), turn.sin()], 1)
            f = (A * convex.with_bias(x)).sum(1)
            return (y[:, None] * (f[:, None] + A[:, :2] @ circle.T)).amin(1)
        """,
    },
    "robust-ex-3": {
        "the check's own radii": """
            return torch.tensor([0.5, 0.4, 0.0], dtype=x.dtype).clamp(max=most)
        """,
    },
    "robust-ex-4": {
        "the same answers at the training points alone": """
            scale = torch.ones_like(x[0])
            scale[0] = t
            D = convex.sample_gates(convex.with_bias(x * scale), 40, generator)
            blocks = robust_program(x * scale, y, D, 0.0, beta)
            wanted = output(x * scale, *convex.to_network(*blocks))
            u = torch.randn(200, 3, dtype=x.dtype, generator=torch.Generator().manual_seed(1))
            z = (convex.with_bias(x) @ u.T).clamp(min=0)
            return u, torch.linalg.lstsq(z, wanted[:, None], driver="gelsd").solution[:, 0]
        """,
    },
    "robust-ex-2": {
        "the check's own values": """
            return 0.375 if u[0] < 0 else 0.6 if len(x) == 1 else 0.05
        """,
    },
}
