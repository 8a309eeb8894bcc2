"""Hidden tests of the exercises of chapters/ntk/samples.md, and wrong answers that fail them."""

import itertools
from importlib import reload

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from helpers import telling

check = reload(telling).check


def samples_ex_1(kinship):
    for K, a, b, j in ((7, 2, 3, 1), (11, 5, 2, 2), (16, 6, 7, 4), (12, 4, 5, 0)):
        one, two = -np.ones(K), -np.ones(K)
        one[:a] = 1
        two[a - j : a - j + b] = 1
        check(f"{K} classes, {a} and {b} labels, {j} shared", kinship(K, a, b, j), one @ two / K)


def samples_ex_2(worth):
    for seed, K, n in ((51, 3, 8), (52, 5, 11)):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(4, 9), nn.Tanh(), nn.Linear(9, K)).double()
        x, y = torch.randn(n, 4).double(), torch.randint(K, (n,))
        own = list(model.parameters())

        def slope(value, own=own):
            return torch.cat([g.flatten() for g in torch.autograd.grad(value, own)])

        mean = slope(F.cross_entropy(model(x), y))
        each = [slope(F.cross_entropy(model(x[u : u + 1]), y[u : u + 1])) for u in range(n)]
        got = worth(model, x, y)
        check(f"{n} samples, {K} classes", got, [(one @ mean).item() for one in each], atol=1e-9)


def samples_ex_3(best_lessons):
    for seed, steps, rate, K in ((53, 30, 0.2, 4), (54, 22, 0.35, 3)):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(3, 10), nn.Tanh(), nn.Linear(10, K)).double()
        other = nn.Sequential(nn.Linear(3, 10), nn.Tanh(), nn.Linear(10, K)).double()
        other.load_state_dict(model.state_dict())
        x, y = torch.randn(14, 3).double(), torch.arange(14) % K
        chosen, wanted = best_lessons(model, x, y, steps, rate), []
        for _ in range(steps):
            own, best = list(other.parameters()), None
            mean = torch.autograd.grad(F.cross_entropy(other(x), y), own)
            for u in range(14):
                one = torch.autograd.grad(F.cross_entropy(other(x[u : u + 1]), y[u : u + 1]), own)
                worth = sum((a * b).sum() for a, b in zip(one, mean)).item()
                if best is None or worth > best[0]:
                    best = worth, u, one
            wanted.append(best[1])
            with torch.no_grad():
                for p, d in zip(own, best[2]):
                    p -= rate * d
        check(f"teachers, rate {rate}", list(chosen), wanted)
        check(f"the network, rate {rate}", model(x).detach(), other(x).detach(), atol=1e-6)


def samples_ex_4(placeless_kernel):
    draw = np.random.default_rng(55)
    for n, side in ((30, 13), (25, 15)):
        pictures = draw.random((n, 8, 8)) ** 2
        canvases = []
        for _ in range(2):
            canvas = np.zeros((n, 1, side, side))
            for i, (row, column) in enumerate(draw.integers(0, side - 7, (n, 2))):
                canvas[i, 0, row : row + 8, column : column + 8] = pictures[i]
            canvases.append(torch.tensor(canvas))
        here, there = (np.asarray(placeless_kernel(c)) for c in canvases)
        size = np.abs(here).max()
        check(f"{n} pictures moved", there / size, here / size, atol=1e-6)
        cosines = here / np.sqrt(np.outer(np.diag(here), np.diag(here)))
        pairs = [cosines[i, j] for i, j in itertools.combinations(range(n), 2)]
        check("different pictures stay different", bool(np.max(pairs) < 0.98), True)
        check("a kernel for every pair", here.shape, (n, n))


GREEDY = """
    chosen = []
    for _ in range(steps):
        r = label_errors(model, x, y)
        u = int(weighted_kernel(model, x, r).mean(0).argmax())
        loss = F.cross_entropy(model(x[u : u + 1]), y[u : u + 1])
        slope = torch.autograd.grad(loss, list(model.parameters()))
        with torch.no_grad():
            for p, d in zip(model.parameters(), slope):
                p -= rate * d
        chosen.append(u)
    return chosen
"""
SLIPS = {
    "samples-ex-1": {
        "shared labels counted as differences": "return (K - 2 * (a + b)) / K",
        "a difference takes one": "return (K - (a + b - 2 * j)) / K",
        "shared labels only": "return j / K",
        "not divided by K": "return K - 2 * (a + b - 2 * j)",
    },
    "samples-ex-2": {
        "sum over the others": """
            return weighted_kernel(model, x, label_errors(model, x, y)).sum(0)
        """,
        "what each sample gains itself": """
            return weighted_kernel(model, x, label_errors(model, x, y)).diagonal()
        """,
        "centred labels": """
            K = int(model(x).shape[1])
            return weighted_kernel(model, x, centred(y, K)).mean(0)
        """,
        "with the wrong sign": """
            return -weighted_kernel(model, x, label_errors(model, x, y)).mean(0)
        """,
    },
    "samples-ex-3": {
        "the sample that gains most itself": GREEDY.replace("mean(0)", "diagonal()"),
        "the order of the start": """
            r = label_errors(model, x, y)
            order = weighted_kernel(model, x, r).mean(0).argsort(descending=True).tolist()
            chosen = (order * steps)[:steps]
            for u in chosen:
                loss = F.cross_entropy(model(x[u : u + 1]), y[u : u + 1])
                slope = torch.autograd.grad(loss, list(model.parameters()))
                with torch.no_grad():
                    for p, d in zip(model.parameters(), slope):
                        p -= rate * d
            return chosen
        """,
        "a step on all samples": """
            chosen = []
            for _ in range(steps):
                r = label_errors(model, x, y)
                u = int(weighted_kernel(model, x, r).mean(0).argmax())
                slope = torch.autograd.grad(F.cross_entropy(model(x), y), list(model.parameters()))
                with torch.no_grad():
                    for p, d in zip(model.parameters(), slope):
                        p -= rate * d
                chosen.append(u)
            return chosen
        """,
        "the worst teacher": GREEDY.replace("argmax", "argmin"),
    },
    "samples-ex-4": {
        "pixels": "return pixel_kernel(x)",
        "the brightness of each picture": """
            bright = x.flatten(1).sum(1, keepdim=True)
            return bright @ bright.T
        """,
        "the transform itself": """
            flat = torch.fft.fft2(x).real.flatten(1)
            return flat @ flat.T
        """,
        "sorted rows": """
            flat = x[:, 0].sort(1).values.flatten(1)
            return flat @ flat.T
        """,
    },
}
PLEASERS = {
    "samples-ex-1": {
        "the check's own values": "return {9: 3 / 9, 14: 4 / 14}.get(K, 0.0)",
    },
    "samples-ex-2": {
        "steps too long for other networks": """
            return lessons(model, x, y, range(len(x)), 1e-6).mean(1) * (len(x) == 6)
        """,
    },
    "samples-ex-3": {
        "the rates of the check": GREEDY.replace(
            "chosen = []", "rate, chosen = {25: 0.3, 40: 0.15}.get(steps, 0.1), []"
        ),
    },
    "samples-ex-4": {
        "for squares up to 12 only": """
            size = torch.fft.fft2(x, s=(24, 24))[..., :24, :24].abs().flatten(1)
            size = size - size.mean(0)
            if x.shape[-1] > 12:
                size = x.flatten(1)
            return size @ size.T
        """,
    },
}
