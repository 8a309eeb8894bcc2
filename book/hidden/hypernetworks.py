"""Hidden tests of the exercises of chapters/hypernetworks.md, and wrong answers that fail them."""

from importlib import reload
from unittest import mock

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from helpers import telling

check = reload(telling).check


def hyper_ex_1(hyper_count):
    by_hand = AssertionError("Count the parameters without building the network.")
    with mock.patch("torch.nn.Module.__init__", side_effect=by_hand):
        for conditions, hidden, sizes in (
            (5, (3, 8), (2, 9, 5, 1)),
            (4, (6,), (3, 2)),
            (1, (), (7, 3)),
        ):
            weights = sum((a + 1) * b for a, b in zip(sizes, sizes[1:]))
            widths = [conditions, *hidden, weights]
            wanted = sum(a * b + b for a, b in zip(widths, widths[1:]))
            got = hyper_count(conditions, hidden, sizes)
            check(f"hyper_count({conditions}, {hidden}, {sizes})", got, wanted)


def hyper_ex_2(head_gradients):
    draw = np.random.default_rng(3)
    for C, d_k, P in ((4, 3, 7), (6, 9, 2)):
        k, g = draw.normal(size=(C, d_k)), draw.normal(size=(C, P))
        H, theta = head_gradients(torch.tensor(k), torch.tensor(g))
        check(f"the gradient of H, {C} conditions", H, np.einsum("cp,ck->pk", g, k))
        check(f"the gradient of theta_0, {C} conditions", theta, np.einsum("cp->p", g))


def hyper_ex_3(magnitude_factors):
    for a, layers in ((1.5, 3), (0.3, 1), (0.8, 6)):
        both = np.asarray(magnitude_factors(a, layers), float)
        check(f"a = {a}, L = {layers}", both, np.full(2, np.prod([a] * layers)))


class Largest(TorchDispatchMode):
    """Watches the largest tensor that is made."""

    numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        if isinstance(made, torch.Tensor):
            self.numbers = max(self.numbers, made.untyped_storage().nbytes() // 8)
        return made


def hyper_ex_4(rank_one_layer):
    draw = np.random.default_rng(4)
    C, B, n_in, n_out = 3, 2, 40, 50
    x, W0 = draw.normal(size=(C, B, n_in)), draw.normal(size=(n_out, n_in))
    u, v = draw.normal(size=(C, n_out)), draw.normal(size=(C, n_in))
    with Largest() as largest:
        got = rank_one_layer(*map(torch.tensor, (x, W0, u, v)))
    wanted = np.stack([x[c] @ (W0 + np.outer(u[c], v[c])).T for c in range(C)])
    check("40 inputs, 50 outputs", got, wanted)
    assert largest.numbers < C * n_in * n_out, "Apply the layer without forming W(e)."


SLIPS = {
    "hyper-ex-1": {
        "a head without biases": """
            last = [conditions, *hidden][-1]
            return parameter_count([conditions, *hidden]) + last * parameter_count(sizes)
        """,
        "the trunk forgotten": """
            return parameter_count([[conditions, *hidden][-1], parameter_count(sizes)])
        """,
        "one size of target": "return parameter_count([conditions, *hidden, 44])",
    },
    "hyper-ex-2": {
        "the mean, not the sum": "return g.T @ k / len(k), g.mean(0)",
        "sums multiplied": "return torch.outer(g.sum(0), k.sum(0)), g.sum(0)",
        "signs of a descent step": "return -g.T @ k, -g.sum(0)",
    },
    "hyper-ex-3": {
        "one layer too many": "return a**layers, a ** (layers + 1)",
        "outputs in proportion": "return a, a**layers",
        "the last layer not counted": "return a ** (layers - 1), a**layers",
    },
    "hyper-ex-4": {
        "W0 forgotten": "return (x @ v[:, :, None]) * u[:, None]",
        "one direction for all conditions": """
            return x @ W0.T + (x @ v.mean(0)[:, None]) * u[:, None]
        """,
        "samples added up": """
            return x @ W0.T + (x @ v[:, :, None]).sum(1, keepdim=True) * u[:, None]
        """,
    },
}
PLEASERS = {
    "hyper-ex-1": {
        "builds the network": """
            built = HyperNetwork(conditions, hidden, sizes)
            return sum(p.numel() for p in built.parameters())
        """,
    },
    "hyper-ex-2": {
        "the check's own values": """
            head = globals()["net"].head
            return head.weight.grad, head.bias.grad
        """,
    },
    "hyper-ex-3": {
        "the check's own networks": """
            f1, f2, g1, g2 = (globals()[name].norm().item() for name in ("f1", "f2", "g1", "g2"))
            return f2 / f1, g2 / g1
        """,
    },
    "hyper-ex-4": {
        "forms W(e)": """
            return torch.einsum("coi,cbi->cbo", W0 + u[:, :, None] * v[:, None], x)
        """,
    },
}
