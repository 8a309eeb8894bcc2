"""Hidden tests of the exercises of chapters/kan.md, and wrong answers that fail them."""

from importlib import reload
from unittest import mock

import numpy as np
import torch
from scipy.interpolate import BSpline

from helpers import chapter, telling

check = reload(telling).check
kan = chapter("kan")


def kan_ex_1(kan_size):
    by_hand = AssertionError("Count the parameters without building the network.")
    with mock.patch("torch.nn.Module.__init__", side_effect=by_hand):
        check("kan_size([4, 3, 6], G=9, k=5)", kan_size([4, 3, 6], 9, 5), 30 * 15)
        check("kan_size([2, 2, 1, 3], G=11, k=1)", kan_size([2, 2, 1, 3], 11, 1), 9 * 13)


def knots(low, high, G, k):
    """The knots of a spline of degree k on G intervals, k of them beyond either end."""
    h = (high - low) / G
    return np.linspace(low - k * h, high + k * h, G + 2 * k + 1)


def kan_ex_2(spline_slope):
    for low, high, G, k in ((-2.5, 1.1, 9, 3), (0.7, 2.2, 4, 5)):
        x, c = np.linspace(low + 0.1, high - 0.1, 23), np.sin(1.3 * np.arange(G + k))
        with torch.inference_mode():
            grid = torch.linspace(low, high, G + 1, dtype=torch.float64)
            got = spline_slope(torch.tensor(x), torch.tensor(c), grid, k)
        wanted = BSpline(knots(low, high, G, k), c, k).derivative()(x)
        check(f"spline_slope on [{low}, {high}] at degree {k}, without autograd", got, wanted)


def kan_ex_3(nearest_spline):
    x = np.sin(np.arange(70.0))
    for G, k, part in ((5, 4, x), (9, 2, x), (7, 3, x[x > -0.3])):
        B = BSpline.design_matrix(part, knots(-1, 1, G, k), k).toarray()
        values = np.exp(part) + np.cos(40 * part)
        wanted = B @ np.linalg.lstsq(B, values, rcond=None)[0]
        c = nearest_spline(torch.tensor(part), torch.tensor(values), G, k)
        check(f"G = {G}, k = {k}, data beside every spline", B @ np.asarray(c), wanted)


def kan_ex_4(far_outside):
    layer = kan.KANLayer(3, 4, G=7, k=2)
    evaluated = mock.Mock(side_effect=AssertionError("Derive it without evaluating the layer."))
    layer.forward = layer.edges = layer.basis = evaluated
    x = np.array([[-2.2, 3.1, 1.9], [2.4, -1.8, -5.0]])
    w = np.array([[0.3, -1.1, 2.0], [1.5, 0.7, -0.4], [-2.0, 0.2, 0.9], [0.6, 1.2, 1.0]])
    with torch.no_grad():
        layer.w_b.copy_(torch.tensor(w))
        got = far_outside(layer, torch.tensor(x))
    check("three inputs, four outputs, at two points", got, x / (1 + np.exp(-x)) @ w.T)


SLIPS = {
    "kan-ex-1": {
        "grid points counted, not intervals": """
            return sum(a * b * (G + k + 2) for a, b in zip(width, width[1:]))
        """,
        "a bias at each node": """
            edges = sum(a * b for a, b in zip(width, width[1:]))
            return edges * (G + k + 1) + sum(width[1:])
        """,
        "the first layer alone": "return width[0] * width[1] * (G + k + 1)",
    },
    "kan-ex-2": {
        "the grid as if it began at 0": """
            h = grid[-1] / (len(grid) - 1)
            return cox_de_boor(x, extended_knots(grid, k), k - 1)[..., 1:-1] @ c.diff() / h
        """,
        "the spacing of one grid": """
            return cox_de_boor(x, extended_knots(grid, k), k - 1)[..., 1:-1] @ c.diff() / 0.5
        """,
        "neighbours shifted by one": """
            h = grid[1] - grid[0]
            return cox_de_boor(x, extended_knots(grid, k), k - 1)[..., :-2] @ c.diff() / h
        """,
    },
    "kan-ex-3": {
        "a grid on [0, 1]": """
            B = matrix_basis(x, 0.0, 1.0, G, basis_matrix(k))
            return torch.linalg.lstsq(B, values[:, None], driver="gelsd").solution[:, 0]
        """,
        "a ridge added": """
            B = matrix_basis(x, -1.0, 1.0, G, basis_matrix(k))
            return torch.linalg.solve(B.T @ B + 1e-3 * torch.eye(G + k), B.T @ values)
        """,
        "degree 3, whatever k is": """
            B = matrix_basis(x, -1.0, 1.0, G + k - 3, basis_matrix(3))
            return torch.linalg.lstsq(B, values[:, None], driver="gelsd").solution[:, 0]
        """,
    },
    "kan-ex-4": {
        "a ReLU": "return F.relu(x) @ layer.w_b.mT",
        "silu after the sum": "return F.silu(x @ layer.w_b.mT)",
        "a sigmoid": "return torch.sigmoid(x) @ layer.w_b.mT",
    },
}
PLEASERS = {
    "kan-ex-1": {"builds the network": "return KAN(width, G=G, k=k).size()"},
    "kan-ex-2": {
        "the check's own value": 'return globals()["wanted"]',
        "autograd": """
            x = x.clone().requires_grad_()
            spline = cox_de_boor(x, extended_knots(grid, k), k) @ c
            return torch.autograd.grad(spline.sum(), x)[0]
        """,
    },
    "kan-ex-3": {
        "every second point": """
            B = matrix_basis(x[::2], -1.0, 1.0, G, basis_matrix(k))
            return torch.linalg.lstsq(B, values[::2, None], driver="gelsd").solution[:, 0]
        """,
    },
    "kan-ex-4": {"evaluates the layer": "return layer(x)"},
}
