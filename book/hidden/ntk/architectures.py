"""Hidden tests of the exercises of chapters/ntk/architectures.md, and wrong answers that fail."""

from importlib import reload

import numpy as np
import torch

from helpers import telling

check = reload(telling).check


def ntk_architectures_ex_1(embedding_part):
    draw = np.random.default_rng(6)
    for i, j, outputs in (([4, 1], [1, 1, 0, 4, 2], 3), ([0, 2, 2, 7], [2, 3], 2)):
        g1, g2 = draw.normal(size=(len(i), outputs, 4)), draw.normal(size=(len(j), outputs, 4))
        wanted = np.zeros((len(i), outputs, len(j), outputs))
        for n, m in np.argwhere(np.equal.outer(i, j)):
            wanted[n, :, m] = g1[n] @ g2[m].T
        got = embedding_part(torch.tensor(i), torch.tensor(g1), torch.tensor(j), torch.tensor(g2))
        check(f"rows {i} and {j}", got, wanted)


def ntk_architectures_ex_2(sizes):
    for widths, N, wanted in (
        ((3, 4, 2), 5, (200, 5 * (3 + 4 + 2 * 4 + 2 * 2))),
        ((6, 5, 4, 3), 2, (2 * 3 * 62, 2 * (6 + 5 + 4 + 3 * (5 + 4 + 3)))),
        ((9, 8), 7, (7 * 8 * 72, 7 * (9 + 64))),
    ):
        got = sizes(widths, N)
        check(f"the Jacobian of {widths}, {N} samples", got[0], wanted[0])
        check(f"inputs and derivatives of {widths}, {N} samples", got[1], wanted[1])


def ntk_architectures_ex_3(averaged):
    draw = np.random.default_rng(8)
    x, z = draw.normal(size=(3, 4)), draw.normal(size=(2, 4))
    powers = [np.roll(z, k, 1) for k in (0, 1, 3)]
    wanted = sum((x @ p.T) ** 3 for p in powers) / 3
    moves = [lambda z, k=k: z.roll(k, 1) for k in (0, 1, 3)]
    got = averaged(lambda x, z: (x @ z.T) ** 3, torch.tensor(x), torch.tensor(z), moves)
    check("three rolls, a cubic kernel", got, wanted)
    signs = [lambda z: z, lambda z: -z]
    got = averaged(lambda x, z: (1 + x @ z.T) ** 2, torch.tensor(x), torch.tensor(z), signs)
    check("two signs, a quadratic kernel", got, 1 + (x @ z.T) ** 2)


def ntk_architectures_ex_4(without_network):
    draw = np.random.default_rng(9)
    x, z = draw.normal(size=(5, 7)), draw.normal(size=(4, 7))
    inner = x @ z.T / 7
    size = np.sqrt(np.outer((x**2).mean(1), (z**2).mean(1)))
    angle = np.arccos(inner / size)
    sigma = size * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / np.pi
    wanted = 2 * sigma + 2 * (np.pi - angle) * inner / np.pi
    got = without_network(torch.tensor(x), torch.tensor(z))
    check("the limit of one hidden layer", got, wanted, atol=1e-8)


SLIPS = {
    "ntk-architectures-ex-1": {
        "outputs in the wrong order": """
            same = (i[:, None] == j).to(g1.dtype)
            return torch.einsum("naq,mbq->nbma", g1, g2) * same[:, None, :, None]
        """,
        "other rows": """
            other = (i[:, None] != j).to(g1.dtype)
            return torch.einsum("naq,mbq->namb", g1, g2) * other[:, None, :, None]
        """,
        "indices that are not compared but multiplied": """
            both = (i[:, None] * j).to(g1.dtype)
            return torch.einsum("naq,mbq->namb", g1, g2) * both[:, None, :, None]
        """,
    },
    "ntk-architectures-ex-2": {
        "one output only": """
            pairs = list(zip(widths, widths[1:]))
            return N * sum(a * b for a, b in pairs), N * sum(a + b for a, b in pairs)
        """,
        "the derivatives with respect to the input": """
            pairs, O = list(zip(widths, widths[1:])), widths[-1]
            return N * O * sum(a * b for a, b in pairs), N * sum(a + O * a for a, b in pairs)
        """,
        "one sample": """
            pairs, O = list(zip(widths, widths[1:])), widths[-1]
            return O * sum(a * b for a, b in pairs), sum(a + O * b for a, b in pairs)
        """,
    },
    "ntk-architectures-ex-3": {
        "a sum": "return sum(kernel(x, move(z)) for move in moves)",
        "both inputs moved": """
            return sum(kernel(move(x), move(z)) for move in moves) / len(moves)
        """,
        "the mean of the moved inputs": """
            return kernel(x, sum(move(z) for move in moves) / len(moves))
        """,
    },
    "ntk-architectures-ex-4": {
        "the covariance": "return ntk.infinite_kernels(x, z, 1)[0]",
        "one layer more": "return ntk.infinite_kernels(x, z, 2)[1]",
        "half of it": "return ntk.infinite_kernels(x, z, 1)[1] / 2",
    },
}
PLEASERS = {
    "ntk-architectures-ex-1": {"the check's own values": 'return globals()["wanted"]'},
    "ntk-architectures-ex-2": {
        "the check's own network": """
            seen = globals()["seen"]
            held = sum(t.a.numel() + t.g.numel() for t in seen)
            return sum(rows(t).numel() for t in seen), held
        """,
    },
    "ntk-architectures-ex-3": {
        "the pooled kernel": """
            if x.dim() == 4:
                return pooled_kernels(x, z, 2 if x.shape[-1] == 4 else 3)[1]
            return torch.ones(len(x), len(z), dtype=x.dtype)
        """,
    },
    "ntk-architectures-ex-4": {
        "one wide network": """
            return pseudo_ntk(ntk.ntk_mlp([x.shape[1], 20_000, 1]), x, z)
        """,
    },
}
