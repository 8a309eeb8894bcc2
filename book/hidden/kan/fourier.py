"""Hidden tests of the exercises of chapters/kan/fourier.md, and wrong answers that fail them."""

from importlib import reload
from unittest import mock

import numpy as np
import torch

from helpers import telling

check = reload(telling).check


def kan_fourier_ex_1(fkan_size):
    by_hand = AssertionError("Count the parameters without building the network.")
    with mock.patch("torch.nn.Module.__init__", side_effect=by_hand):
        check("d = 3, h = 7, K = 4", fkan_size(3, 7, 4), 7 * 3 * 8 + 7 + 49 + 7 + 7 + 1)
        check("d = 5, h = 2, K = 30", fkan_size(5, 2, 30), 2 * 5 * 60 + 2 + 4 + 2 + 2 + 1)


def kan_fourier_ex_2(series_slope):
    x, h = np.linspace(-2.7, 1.9, 11)[:, None], 1e-5
    for K in (4, 7):
        c, k = np.sin(1.7 * np.arange(1.0, 2 * K + 1)), np.arange(1, K + 1)

        def series(x, c, k=k):
            return np.hstack([np.cos(k * x), np.sin(k * x)]) @ c

        got = np.asarray(series_slope(torch.tensor(c)))
        wanted = (series(x + h, c) - series(x - h, c)) / (2 * h)
        check(f"the slope of a series of {K} terms", series(x, got), wanted, atol=1e-6)


def kan_fourier_ex_3(strongest_wave):
    draw = np.random.default_rng(65)
    for k, K, level in ((9, 30, 7.0), (23, 28, -2.5), (4, 12, 0.6)):
        x = np.sort(draw.uniform(-0.4, 2.3, 150))
        y = level + 0.7 * np.cos(k * x) - 1.1 * np.sin(k * x) + 0.1 * draw.normal(size=150)
        found = strongest_wave(torch.tensor(x), torch.tensor(y), K)
        check(f"frequency {k} of 1 to {K}", int(found), k)


def kan_fourier_ex_4(completed):
    draw = np.random.default_rng(66)
    for n, m, share in ((10, 14, 0.4), (17, 6, 0.7)):
        whole = draw.normal(size=(n, 1)) + 3 * draw.normal(size=m)
        seen = draw.random((n, m)) < share
        seen[:, 0] = seen[0] = True
        picture = torch.tensor(np.where(seen, whole, -40.0))
        got = completed(picture, torch.tensor(seen))
        check(f"{n} x {m} pixels, {share:.0%} seen", got, whole, atol=1e-6)


SLIPS = {
    "kan-fourier-ex-1": {
        "no bias in the series": "return 2 * K * d * h + h * h + h + h + 1",
        "the hidden layer forgotten": "return 2 * K * d * h + h + h + 1",
        "K terms with k = 0": "return 2 * (K + 1) * d * h + h + h * h + h + h + 1",
    },
    "kan-fourier-ex-2": {
        "halves not exchanged": """
            K = len(c) // 2
            k = torch.arange(1, K + 1)
            return torch.cat([-k * c[:K], k * c[K:]])
        """,
        "no factor k": """
            K = len(c) // 2
            return torch.cat([c[K:], -c[:K]])
        """,
        "frequencies from 0": """
            K = len(c) // 2
            k = torch.arange(K)
            return torch.cat([k * c[K:], -k * c[:K]])
        """,
    },
    "kan-fourier-ex-3": {
        "no sine": """
            errors = []
            for k in range(1, K + 1):
                A = torch.stack([torch.cos(k * x), torch.ones_like(x)], 1)
                c = torch.linalg.lstsq(A, y[:, None], driver="gelsd").solution
                errors.append((A @ c - y[:, None]).square().sum())
            return int(torch.stack(errors).argmin()) + 1
        """,
        "counted from 0": """
            errors = []
            for k in range(1, K + 1):
                columns = [torch.cos(k * x), torch.sin(k * x), torch.ones_like(x)]
                A = torch.stack(columns, 1)
                c = torch.linalg.lstsq(A, y[:, None], driver="gelsd").solution
                errors.append((A @ c - y[:, None]).square().sum())
            return int(torch.stack(errors).argmin())
        """,
        "the places as if they were even": """
            return int(torch.fft.rfft(y - y.mean()).abs()[1 : K + 1].argmax()) + 1
        """,
    },
    "kan-fourier-ex-4": {
        "unseen pixels are data": """
            n, m = picture.shape
            rows, columns = picture.mean(1), picture.mean(0)
            return rows[:, None] + columns - picture.mean()
        """,
        "rows alone": """
            filled = torch.where(seen, picture, 0.0)
            return (filled.sum(1) / seen.sum(1))[:, None].expand_as(picture)
        """,
        "the mean counted twice": """
            filled = torch.where(seen, picture, 0.0)
            return (filled.sum(1) / seen.sum(1))[:, None] + filled.sum(0) / seen.sum(0)
        """,
    },
}
PLEASERS = {
    "kan-fourier-ex-1": {
        "builds the network": "return sum(p.numel() for p in fkan(h, K).parameters())",
    },
    "kan-fourier-ex-2": {
        "two lengths by heart": """
            K = len(c) // 2
            if K not in (3, 5):
                return c
            k = torch.arange(1, K + 1)
            return torch.cat([k * c[K:], -k * c[:K]])
        """,
    },
    "kan-fourier-ex-3": {"the check's answers": "return 17 if K == 24 else 5"},
    "kan-fourier-ex-4": {"the check's own picture": 'return globals()["whole"]'},
}
