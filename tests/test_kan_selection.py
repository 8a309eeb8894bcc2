"""The page on choosing and sharing a basis, against NumPy, loops and closed forms."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from helpers import chapter, seeded

selection = chapter("kan/selection")


def test_bases_have_equal_scale_and_known_values():
    z = (torch.arange(4000, dtype=torch.float64) + 0.5) / 2000 - 1
    B = selection.scaled_bases(z)
    assert B.shape == (4000, 4, selection.SIZE)
    assert torch.allclose(B.square().mean((0, 2)), torch.ones(4).double(), atol=1e-3)
    raw = selection.raw_bases(z).numpy()
    k = np.arange(selection.SIZE)
    assert np.allclose(raw[:, 0].sum(1), 1)  # splines add up to one
    assert np.allclose(raw[:, 1], np.polynomial.chebyshev.chebvander(z.numpy(), k[-1]))
    waves = np.pi * np.arange(1, 7) * z.numpy()[:, None]
    assert np.allclose(raw[:, 2], np.hstack([np.cos(waves), np.sin(waves)]))
    places = np.linspace(-1, 1, selection.SIZE)
    distance = (z.numpy()[:, None] - places) * (selection.SIZE - 1)
    assert np.allclose(raw[:, 3], (1 - distance**2) * np.exp(-(distance**2) / 2))


@pytest.mark.parametrize("name", list(selection.PARTS))
def test_parts_have_mean_0_and_variance_1(name):
    y = selection.PARTS[name](torch.linspace(-1, 1, 100001).double())
    assert abs(y.mean()) < 1e-3 and abs(y.std() - 1) < 1e-2


def test_sums_are_sums_of_their_parts():
    x, y, x_test, y_test = selection.sums(4000, 50, 0.3, seeded(31).torch)
    assert x.shape == (7, 4000, 2) and y_test.shape == (7, 50)
    for i, (one, two) in enumerate(selection.SUMS):
        clean = (
            selection.PARTS[one](x_test[i, :, 0]) + selection.PARTS[two](x_test[i, :, 1])
        ) / 2**0.5
        assert torch.allclose(y_test[i], clean)
        parts = selection.PARTS[one](x[i, :, 0]) + selection.PARTS[two](x[i, :, 1])
        assert abs((y[i] - parts / 2**0.5).std() - 0.3) < 0.02
    assert abs(y_test.var(1).mean() - 1) < 0.3


def test_gates_and_coefficients_enter_as_products():
    layer = selection.Gated(3, seeded(32).torch)
    assert torch.allclose(layer.products(), layer.c / 4)
    with torch.no_grad():
        layer.alpha[0, 1, 2] = math.log(3)
    assert torch.allclose(layer.products()[0, 1, 2], layer.c[0, 1, 2] / 2)


def test_a_price_finds_the_basis_that_made_the_data():
    rng = seeded(33)
    x = 2 * torch.rand(4, 120, 2, generator=rng.torch, dtype=torch.float64) - 1
    B = selection.scaled_bases(x)
    made = [(2, 1), (0, 2), (3, 3), (1, 0)]
    c = torch.randn(2, selection.SIZE, generator=rng.torch, dtype=torch.float64)
    y = torch.stack(
        [sum(B[i, :, j, m] @ c[j] for j, m in enumerate(pair)) for i, pair in enumerate(made)]
    )
    gates = selection.search(x, y / y.std(1, keepdim=True), (0.0, 0.03), rng.torch)
    assert gates.shape == (2, 4, 2, 4) and torch.allclose(
        gates.sum(-1), torch.ones(2, 4, 2).double()
    )
    assert gates[1].argmax(-1).tolist() == [list(pair) for pair in made]
    assert (gates[1].amax(-1) > gates[0].amax(-1)).double().mean() > 0.6


def test_pruned_fits_are_least_squares():
    rng = seeded(34).torch
    x = 2 * torch.rand(90, 2, generator=rng, dtype=torch.float64) - 1
    y = torch.sin(3 * x[:, 0]) + x[:, 1] ** 2
    for choice in itertools.product(range(4), repeat=2):
        A = selection.columns(x, choice)
        assert A.shape == (90, 2 * selection.SIZE + 1)
        B = selection.scaled_bases(x)
        assert torch.equal(A[:, 1:13], B[:, 0, choice[0]]) and torch.equal(
            A[:, 13:], B[:, 1, choice[1]]
        )
        fit = selection.pruned_fit(x, y, choice)
        found = A.numpy() @ np.linalg.lstsq(A.numpy(), y.numpy(), rcond=None)[0]
        assert abs(selection.rmse(fit, x, y) - np.sqrt(np.mean((found - y.numpy()) ** 2))) < 1e-8
        total = fit[1][0] + sum(selection.edge(fit, choice, j, x[:, j]) for j in range(2))
        assert torch.allclose(total, A @ fit[1])


@pytest.mark.parametrize("G, k", [(5, 3), (2, 1), (1, 4)])
def test_relu_bumps_have_support_between_their_ends(G, k):
    left, right = selection.ends(G, k)
    assert len(left) == G + k and torch.allclose(right - left, torch.full((G + k,), (k + 1) / G))
    assert left[k] == 0 and abs(right[-1] - (G + k) / G) < 1e-6
    z = torch.linspace(-2, 3, 700)
    B = selection.pair_basis(z[:, None], left, right, F.relu)
    inside = (z[:, None] > left) & (z[:, None] < right)
    assert (B[~inside] == 0).all() and (B[inside] > 0).all()
    assert torch.allclose(B.amax(0), torch.full((G + k,), ((k + 1) / G / 2) ** 4), rtol=1e-3)


def test_squared_products():
    z, left, right = torch.tensor([[0.3]]), torch.tensor([-0.2, 0.1]), torch.tensor([0.9, 0.8])
    a, b = torch.tanh(0.3 - left), torch.tanh(right - 0.3)
    got = selection.pair_basis(z, left, right, torch.tanh)[0]
    assert torch.allclose(got, a**2 * b**2)


def test_features_fill_the_unit_interval_and_survive_constants():
    left, right = (end.repeat(2, 1) for end in selection.ends(3, 2))
    x = torch.randn(2, 9, 4, generator=seeded(35).torch)
    B = selection.pair_features(x, left, right, F.silu)
    assert B.shape == (2, 9, 4, 5)
    assert torch.equal(B.amin((1, 2, 3)), torch.zeros(2)) and torch.equal(
        B.amax((1, 2, 3)), torch.ones(2)
    )
    flat = selection.pair_features(torch.zeros(2, 9, 4), left[:, :1], right[:, :1], F.silu)
    assert flat.isfinite().all()


def test_a_full_layer_is_a_sum_of_curves():
    layer = selection.FullLayer(2, 3, 4, seeded(36).torch)
    x = torch.randn(2, 6, 3, generator=seeded(37).torch)
    B = selection.pair_features(x, layer.left, layer.right, F.silu)
    with torch.no_grad():
        layer.b += 0.5
        wanted = torch.einsum("mndk,modk->mno", B, layer.W) + 0.5
        assert torch.allclose(layer(x), wanted, atol=1e-5)


@pytest.mark.parametrize("curve", ["learned", "frozen", "identity"])
def test_reduced_layers(curve):
    layer = selection.ReducedLayer(2, 5, 3, seeded(38).torch, curve)
    x = torch.randn(2, 8, 5, generator=seeded(39).torch)
    h = layer.reduce(x)
    with torch.no_grad():
        z = (h - h.mean(-1, keepdim=True)) / (h.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()
        assert torch.allclose(layer(x), F.silu(z) @ layer.W.mT, atol=1e-5)
    trained = {name for name, p in layer.named_parameters() if p.requires_grad}
    assert trained == {"W", "scale", "shift"} | (
        {"left", "right", "v", "tau"} if curve == "learned" else set()
    )
    if curve == "identity":
        assert h is x
        return
    B = selection.pair_features(x, layer.left, layer.right, F.silu).detach()
    score = torch.stack([B[m] @ layer.v[m, :-1] + layer.v[m, -1] for m in range(2)]).detach()
    share = torch.softmax(score / 5**0.5, -1)
    assert torch.allclose(h, share * B.sum(-1), atol=1e-6)


def test_shells_defeat_a_linear_model_and_are_standardised():
    split = selection.shells(seeded(40).numpy)
    assert split.x_train.shape == (2100, 10) and split.x_test.shape == (900, 10)
    assert split.x_train.dtype == torch.float32 and split.y_train.dtype == torch.int64
    assert (
        split.x_train.mean(0).abs().max() < 1e-5 and (split.x_train.std(0) - 1).abs().max() < 1e-3
    )
    assert split.y_test.bincount().tolist() == [300, 300, 300]
    distance = split.x_train.square().sum(1)
    means = [distance[split.y_train == c].mean() for c in range(3)]
    assert means[0] < means[1] < means[2]


def test_networks_learn_what_is_easy_and_the_best_training_rate_counts():
    rng = seeded(41)
    x = torch.randn(400, 6, generator=rng.torch)
    y = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
    split = selection.data.Split(x[:300], y[:300], x[300:], y[300:])
    for kind in ("full", "learned", "identity"):
        net = selection.network(kind, (6, 12, 3), rng.torch)
        share, kept = selection.train(net, split, 60, rng.torch, keep=(0, 59))
        assert share > 0.6 and len(kept) == 2, kind
        first, last = (selection.accuracy(old, split.x_train, split.y_train) for old in kept)
        assert last.max() > first.max()
        best = selection.accuracy(net, split.x_train, split.y_train).argmax()
        assert share == selection.accuracy(net, split.x_test, split.y_test)[best].item()
