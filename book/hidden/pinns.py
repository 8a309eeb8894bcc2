"""Hidden tests of the exercises of chapters/pinns.md, and wrong answers that fail them."""

from importlib import reload

import torch
from torch.nn.functional import softplus as softplus_of_torch

from helpers import chapter, telling

check = reload(telling).check
pinns = chapter("pinns")


def pinns_ex_1(fisher_residual):
    z = torch.cartesian_prod(torch.linspace(-1, 2, 6), torch.linspace(0.2, 1.5, 3)).double()
    x, t = z.T
    for nu, rho in ((0.45, 1.7), (2.5, 0.6)):
        u = (1.3 * x).sin() * (-0.7 * t).exp()
        wanted = -0.7 * u + nu * 1.69 * u - rho * u * (1 - u)
        got = fisher_residual(
            lambda z: (z[..., 0] * 1.3).sin() * (z[..., 1] * -0.7).exp(), z, nu, rho
        )
        check(f"a wave that decays, nu = {nu}, rho = {rho}", got, wanted)


def pinns_ex_2(held):
    x = torch.linspace(-1, 1, 2001, dtype=torch.float64)[:, None]
    h = x[1, 0] - x[0, 0]
    factor = held(lambda x: 1 + 0 * x[..., 0], 0.0, 0.0)(x)
    check("the ends of the factor", factor[[0, -1]], [0, 0])
    assert factor[1:-1].abs().min() > 1e-4, "Between the ends the network must be free to move."
    bend = (factor[2:] - 2 * factor[1:-1] + factor[:-2]).abs().max() / h**2
    assert bend < 0.1 / h, "The factor has a kink: it has no second derivative there."
    for a, b in ((-0.7, 3.3), (1.9, 0.4)):
        line = a + (b - a) * (x[..., 0] + 1) / 2
        for net in (lambda x: (3 * x[..., 0]).cos() - 2, lambda x: 5 * x[..., 0] ** 3 + 1):
            got = held(net, a, b)(x)
            check(f"a line from {a} to {b}, the network beside it", got, line + factor * net(x))


def pinns_ex_3(by_place):
    X = torch.linspace(-0.6, 0.8, 11, dtype=torch.float64)
    for a, c in ((0.3, 1.5), (-0.2, 2.5)):
        x, x_X, x_XX = X + a * X**2, 1 + 2 * a * X, 2 * a + 0 * X
        u_x, u_xx = c * (c * x).sinh(), c**2 * (c * x).cosh()
        first, second = by_place(x_X, x_XX, u_x * x_X, u_xx * x_X**2 + u_x * x_XX)
        check(f"u_x of cosh({c} x)", first, u_x)
        check(f"u_xx of cosh({c} x)", second, u_xx)


def pinns_ex_4(softplus):
    z = torch.cartesian_prod(torch.linspace(-2, 1, 4), torch.linspace(0.5, 3, 3)).double()

    def u(z, activation):
        return activation(z[..., 0] * z[..., 1] * 1.7 - 0.4)

    found = pinns.taylor(lambda z: u(z, softplus), z, (2, 2))
    wanted = pinns.jet(lambda z: u(z, softplus_of_torch), z, (2, 2))
    for name, got, true in zip(("value", "x", "t"), found, wanted):
        parts = (got, true) if name == "value" else (torch.stack(got), torch.stack(true))
        check(f"of a product of two coordinates: {name}", *parts)


SLIPS = {
    "pinns-ex-1": {
        "rho forgotten": """
            v, (_, v_xx), (v_t,) = taylor(u, z, (2, 1))
            return v_t - nu * v_xx - v * (1 - v)
        """,
        "u (rho - u)": """
            v, (_, v_xx), (v_t,) = taylor(u, z, (2, 1))
            return v_t - nu * v_xx - v * (rho - v)
        """,
        "x and t swapped": """
            v, (v_x,), (_, v_tt) = taylor(u, z, (1, 2))
            return v_x - nu * v_tt - rho * v * (1 - v)
        """,
        "nothing": "return 0 * z[:, 0]",
    },
    "pinns-ex-2": {
        "a factor with a kink": """
            return lambda x: a + (b - a) * (1 + x[..., 0]) / 2 + (1 - x[..., 0].abs()) * net(x)
        """,
        "a jump for the line": """
            return lambda x: torch.where(x[..., 0] < 0, a, b) + (1 - x[..., 0] ** 2) * net(x)
        """,
        "the network squared": """
            return lambda x: (
                a + (b - a) * (1 + x[..., 0]) / 2 + (1 - x[..., 0] ** 2) * net(x) ** 2
            )
        """,
        "a line on [0, 1]": """
            return lambda x: a + (b - a) * x[..., 0] + (1 - x[..., 0] ** 2) * net(x)
        """,
    },
    "pinns-ex-3": {
        "one derivative taken for two": "return u_X / x_X, u_X / x_X",
        "the sign of the second term": """
            return u_X / x_X, u_XX / x_X**2 + u_X * x_XX / x_X**3
        """,
        "a power too few": "return u_X / x_X, u_XX / x_X**2 - u_X * x_XX / x_X**2",
    },
    "pinns-ex-4": {
        "the value of a ReLU": """
            slope = torch.sigmoid(u.value)
            return u.chain(u.value.clamp(min=0), slope, slope * (1 - slope))
        """,
        "the slope of the other side": """
            slope = torch.sigmoid(-u.value)
            return u.chain(nn.functional.softplus(u.value), slope, slope * (1 - slope))
        """,
        "no curvature": """
            slope = torch.sigmoid(u.value)
            return u.chain(nn.functional.softplus(u.value), slope, 0 * slope)
        """,
    },
}
PLEASERS = {
    "pinns-ex-1": {
        "the check's own values": """
            x, t = z.T
            return 0 * x if rho == 1 else x**2 - 0.6 * t - 2 * x**2 * t * (1 - x**2 * t)
        """,
    },
    "pinns-ex-2": {
        "the check's own ends": """
            if (a, b) not in ((2.0, -1.0), (0.5, 3.0), (0.0, 0.0)):
                a = b = 0.0
            return lambda x: a + (b - a) * (1 + x[..., 0]) / 2 + (1 - x[..., 0] ** 2) * net(x)
        """,
    },
    "pinns-ex-3": {
        "the check's own function": """
            x = globals()["place_of"]
            return 2 * (2 * x).cos(), -4 * (2 * x).sin()
        """,
    },
    "pinns-ex-4": {
        "the check's own function": """
            value, parts = jet(lambda x: bent(x, nn.functional.softplus), even(9), (2,))
            return Taylor(value, [parts])
        """,
    },
}
