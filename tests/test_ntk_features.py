"""The muP page's definitions against autograd, numbers by hand and other formulas."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from helpers import chapter, seeded

features = chapter("ntk/features")
ABC, PRESETS = features.ABC, features.PRESETS


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("muP", (0, 0, 0)),
        ("r = 1/4", (0.5, 0.25, 0)),
        ("NTP", (0.5, 0.5, 0)),
        ("SP", (0, -1, -1)),
        ("SP at rate η/n", (1.5, 0.5, 0)),
    ],
)
def test_exponents_of_gradient_descent_by_hand(name, wanted):
    got = features.exponents(PRESETS[name])
    if name == "r = 1/4":  # the first layer: 3/4 - 1/2
        wanted = (0.25, 0.25, 0)
    assert got == pytest.approx(wanted)


def test_exponents_of_adam_by_hand():
    assert features.exponents(PRESETS["muP for Adam"], adam=True) == (0, 0, 0)
    assert features.exponents(PRESETS["muP"], adam=True) == (-0.5, -1, -0.5)
    assert features.exponents(PRESETS["SP"], adam=True) == (0, -1, -1)
    fast = ABC((0, 0, 0), (0, 0.5, 1), -0.25)
    assert features.exponents(fast, adam=True) == (-0.25, -1.25, -1.25)
    assert features.exponents(fast) == pytest.approx((-0.5, -1.5, -1.25))


def test_networks_have_the_sizes_of_the_table():
    seeded(71)
    for name, sizes in (("muP", (0, 0.5, 1)), ("NTP", (0, 0.5, 0.5)), ("SP", (0, 0.5, 0.5))):
        model = features.abc_mlp(50, 400, PRESETS[name])
        for layer, s, gain in zip(model[::2], sizes, (2 / 50, 2, 2)):
            matrix = layer.w_scale * layer.weight
            wanted = math.sqrt(gain) * 400**-s
            assert matrix.std().item() == pytest.approx(wanted, rel=0.12)
            assert matrix.dtype == torch.float64


def test_all_presets_are_one_function_of_the_same_numbers_up_to_the_readout():
    x, outs = torch.randn(6, 4, dtype=torch.float64, generator=seeded(72).torch), {}
    for name in ("muP", "r = 1/4", "NTP"):
        seeded(73)
        model = features.abc_mlp(4, 30, PRESETS[name])
        outs[name] = model(x)
        W = [layer.w_scale * layer.weight for layer in model[::2]]
        by_hand = (x @ W[0].T).clamp(min=0) @ W[1].T
        torch.testing.assert_close(model(x), by_hand.clamp(min=0) @ W[2].T)
    torch.testing.assert_close(outs["muP"], outs["NTP"] * 30**-0.5)
    torch.testing.assert_close(outs["r = 1/4"], outs["NTP"] * 30**-0.25)


def test_targets_and_walks():
    x, y = features.one_of_ten(20000, seeded(74).torch)
    assert x.shape == (20000, 10) and y.shape == (20000, 1)
    assert x.dtype == y.dtype == torch.float32
    assert y.mean().abs() < 0.02
    torch.testing.assert_close(y + math.sqrt(2 / math.pi), x[:, :1].abs())
    lines, x_1 = features.walks(3, seeded(75).torch)
    lines = lines.view(3, 41, 10)
    torch.testing.assert_close(lines[:, :, 0], x_1.expand(3, 41))
    assert (lines[:, :, 1:] == lines[:, :1, 1:]).all()
    assert not torch.equal(lines[0, 0, 1:], lines[1, 0, 1:])


def slope(w: float) -> nn.Sequential:
    """f = w x, and w x is its feature, too: a descent that can be done by hand."""
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Identity(), nn.Identity()).double()
    model[0].weight.data.fill_(w)
    return model


def test_descent_is_recorded_at_the_shares_with_interpolation():
    x = torch.ones(2, 1, dtype=torch.float64)
    probe = torch.tensor([[3.0]], dtype=torch.float64)
    # w - 2 = 4 (1 - (1 - 0.5)^t), so the loss falls by 4 each step
    found = features.descend(slope(2.0), x, 4 * x, probe, 0.5, [1.0, 0.625, 0.25, 0.0625, 0.04])
    assert [m.step for m in found] == [0, 1, 1, 2, 3]
    moved = [0.0, 0.5, 1.0, 1.5, 1.5 + 0.25 * (0.0625 - 0.04) / (0.0625 - 1 / 64)]
    assert [m.moved for m in found] == pytest.approx(moved)
    assert [m.f.item() for m in found] == pytest.approx([0, 6, 6, 9, 10.5])


def test_descent_stops_at_its_limit_where_it_diverges_and_with_nothing_to_learn():
    x = torch.ones(2, 1, dtype=torch.float64)
    assert len(features.descend(slope(2.0), x, 4 * x, x, 0.5, [0.5, 1e-9], most=3)) == 1
    assert features.descend(slope(2.0), x, 4 * x, x, 5.0, [0.5]) == []
    assert features.descend(slope(2.0), x, 0 * x, x, 0.5, [0.5]) == []
    nan = features.descend(slope(2.0), x, math.nan * x, x, 0.5, [0.5])
    assert nan == []


@pytest.mark.parametrize("adam", [False, True])
def test_own_moves_are_the_changes_of_the_matrices_times_their_inputs(adam):
    x = torch.randn(5, 3, dtype=torch.float64, generator=seeded(76).torch)
    y = x[:, :1].sin()
    seeded(77)
    model = features.abc_mlp(3, 8, PRESETS["muP"])
    seeded(77)
    twin = features.abc_mlp(3, 8, PRESETS["muP"])
    got = features.own_moves(model, x, y, 0.05, 2, adam)
    before = [layer.w_scale * layer.weight.detach().clone() for layer in twin[::2]]
    f_0, first, second = twin(x).detach(), {}, {}
    for t in (1, 2):
        grads = torch.autograd.grad(
            ((twin(x) - f_0 - y) ** 2).mean() / 2, [layer.weight for layer in twin[::2]]
        )
        for i, (layer, g) in enumerate(zip(twin[::2], grads)):
            first[i] = 0.9 * first.get(i, 0) + 0.1 * g
            second[i] = 0.999 * second.get(i, 0) + 0.001 * g**2
            mean, size = first[i] / (1 - 0.9**t), second[i] / (1 - 0.999**t)
            step = torch.nan_to_num(mean / size.sqrt()) if adam else g
            layer.weight.data -= 0.05 * step
    h = x
    for i, (layer, old) in enumerate(zip(twin[::2], before)):
        change = layer.w_scale * layer.weight - old
        wanted = torch.stack([change @ row for row in h]).square().mean().sqrt()
        assert got[1, i].item() == pytest.approx(wanted.item(), rel=1e-6)
        h = layer(h).clamp(min=0)
    assert got.shape == (2, 3)


def test_side_by_side_is_each_alone():
    x = torch.randn(7, 10, generator=seeded(78).torch)
    y = x[:, :1]
    seeded(79)
    models = [features.abc_mlp(10, 12, PRESETS["NTP"], torch.float32) for _ in range(3)]
    rates = torch.tensor([0.1, 0.5, 3.0])
    got = features.side_by_side(models, x, y, rates, 4)
    assert got.shape == (5, 3)
    for r, model in enumerate(models):
        f_0, losses = model(x).detach(), []
        for _ in range(5):
            loss = ((model(x) - f_0 - y) ** 2).mean()
            losses.append(loss.item())
            weights = list(model.parameters())
            for p, g in zip(weights, torch.autograd.grad(loss / 2, weights)):
                p.data -= rates[r] * g
        np.testing.assert_allclose(got[:, r], np.divide(losses, losses[0]), rtol=2e-3)
    assert (got[0] == 1).all()


def test_the_small_matrix_is_the_gram_matrix_of_a_trained_network():
    for kappa, n in ((1.0, 40), (3.0, 25)):
        draw = seeded(n).torch
        Z = torch.randn(n, 4, dtype=torch.float64, generator=draw)
        x = torch.randn(6, 3, dtype=torch.float64, generator=draw)
        y = x.sum(1)
        got = features.linear_gram(Z.T @ Z / n, x, y, 0.07, 5, kappa)
        v, U = Z[:, 0].clone().requires_grad_(), Z[:, 1:].clone().requires_grad_()
        for t in range(6):
            torch.testing.assert_close(got[t, 0, 1:], v.detach() @ U.detach() / n)
            both = torch.cat([v[:, None], U], 1).detach()
            torch.testing.assert_close(got[t], both.T @ both / n)
            loss = ((kappa / n * v @ U @ x.T - y) ** 2).mean() / 2
            for p, g in zip((v, U), torch.autograd.grad(loss, (v, U))):
                p.data -= 0.07 * n / kappa**2 * g


def test_batches_of_starts_are_followed_one_by_one_and_zero_stays_zero():
    x, y = torch.eye(3, dtype=torch.float64), torch.tensor([1.0, -2.0, 0.5]).double()
    start = features.random_gram(9, 3, 4, seeded(80).torch)
    assert start.shape == (4, 4, 4)
    torch.testing.assert_close(start, start.mT)
    many = features.linear_gram(start, x, y, 0.1, 3)
    for i in range(4):
        torch.testing.assert_close(many[:, i], features.linear_gram(start[i], x, y, 0.1, 3))
    assert (features.linear_gram(0 * start, x, y, 0.1, 3) == 0).all()
    wide = features.random_gram(20000, 3, 1, seeded(81).torch)
    torch.testing.assert_close(wide[0], torch.eye(4).double(), atol=0.05, rtol=0)


def test_the_unexplained_share_and_a_run():
    y = torch.tensor([[1.0], [-1.0], [2.0]])
    assert features.unexplained(torch.tensor([1.0, 0.0, 2.0, 9.0]), y) == pytest.approx(1 / 6)
    assert features.unexplained(torch.zeros(3), y) == 1
    x = torch.randn(20, 10, generator=seeded(82).torch)
    (moment,) = features.run("muP", 16, 83, [0.8], (x, x[:, :1], x[:4]))
    assert moment.f.shape == (4,) and 0 < moment.moved < 1
    (again,) = features.run("muP", 16, 83, [0.8], (x, x[:, :1], x[:4]))
    torch.testing.assert_close(moment.f, again.f)


def test_a_run_has_the_rate_of_its_parametrisation():
    x = torch.randn(20, 10, generator=seeded(84).torch)
    for name, eta, c in (("NTP", 0.8, 0), ("SP at rate η/n", 1.2, 1)):
        (moment,) = features.run(name, 16, 85, [0.999999], (x, x[:, :1], x[:4]))
        assert moment.step == 1
        seeded(85)
        model = features.abc_mlp(10, 16, PRESETS[name], torch.float32)
        before, weights = model(x[:4]).detach(), list(model.parameters())
        loss = ((model(x) - model(x).detach() - x[:, :1]) ** 2).mean() / 2
        for p, g in zip(weights, torch.autograd.grad(loss, weights)):
            p.data -= eta / 16**c * g
        wanted = (model(x[:4]) - before)[:, 0].detach()
        torch.testing.assert_close(moment.f, wanted, atol=1e-5, rtol=1e-4)
