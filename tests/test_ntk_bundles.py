"""The bundles page's definitions against closed forms, quadrature, SciPy and sums written out."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from torch import nn
from torch.nn import functional as F

from helpers import chapter, seeded

bundles = chapter("ntk/bundles")
DOUBLE = {"dtype": torch.float64}
TWO_WAVES = bundles.CosineSum(
    0.0, torch.tensor([0.7, -0.4], **DOUBLE), torch.tensor([0.5, 1.5], **DOUBLE)
)


def test_cosine_sums_are_the_units_up_to_their_known_errors():
    t = torch.linspace(-1.2, 1.2, 101, dtype=torch.float64)
    for unit, error in (("cos", 1e-12), ("GELU", 5e-3), ("ReLU", 0.12)):
        waves = bundles.unit_waves(unit, 1.2)
        wanted = {"cos": torch.cos, "GELU": F.gelu, "ReLU": F.relu}[unit](t)
        assert (waves(t) - wanted).abs().max().item() < error
    assert bundles.unit_waves("ReLU", 0.5).slope == pytest.approx(0.5)
    by_hand = 0.7 * math.cos(0.5 * 0.9) - 0.4 * math.cos(1.5 * 0.9)
    assert TWO_WAVES(torch.tensor(0.9).double()).item() == pytest.approx(by_hand)


@pytest.mark.parametrize("L", [0.0, -1.0, math.nan])
def test_an_interval_without_length_is_refused(L):
    with pytest.raises(ValueError, match="L="):
        bundles.cosine_sum(torch.cos, (1.0,), L)


def test_odds_are_in_proportion_to_weight_times_exponential():
    wanted = np.array([0.7 * math.exp(0.5 * 0.8), 0.4 * math.exp(1.5 * 0.8)])
    got = bundles.odds(TWO_WAVES, 0.8)
    np.testing.assert_allclose(got.numpy(), wanted / wanted.sum(), rtol=1e-12)


def test_drawn_waves_carry_weight_over_probability():
    L = 0.8
    drawn = bundles.draw_features(TWO_WAVES, L, 3, 4000, seeded(1).torch)
    p = 0.7 * math.exp(0.5 * L), 0.4 * math.exp(1.5 * L)
    first = p[0] / sum(p)
    assert drawn.G.shape == (4000, 3)
    of_first = torch.isclose(drawn.root, torch.tensor(0.5).double().sqrt())
    assert of_first.double().mean().item() == pytest.approx(first, abs=0.03)
    assert drawn.weight[of_first].unique().item() == pytest.approx(0.7 / first)
    assert drawn.weight[~of_first].unique().item() == pytest.approx(-0.4 / (1 - first))


def test_features_are_unbiased_over_unequal_waves():
    x, w = torch.tensor([[0.5, -0.3]]).double(), torch.tensor([[0.4, 0.6]]).double()
    b = torch.tensor([0.3]).double()
    drawn = bundles.draw_features(TWO_WAVES, 0.4, 2, 400_000, seeded(2).torch)
    each = bundles.phi(drawn, x) * bundles.psi(drawn, w, b) * 400_000
    t = 0.5 * 0.4 - 0.3 * 0.6 + 0.3
    wanted = 0.7 * math.cos(0.5 * t) - 0.4 * math.cos(1.5 * t)
    error = each.std().item() / math.sqrt(400_000)
    assert each.mean().item() == pytest.approx(wanted, abs=5 * error)
    assert error < 0.01


def test_second_moment_is_the_integral_over_the_gaussian():
    """In one dimension, by SciPy's quadrature, wave by wave."""
    x, w, b, L = 0.7, -0.5, 0.4, 0.6
    p = np.array([0.7 * math.exp(0.5 * L), 0.4 * math.exp(1.5 * L)])
    p, total = p / p.sum(), 0.0
    for c, xi, chance in zip((0.7, -0.4), (0.5, 1.5), p):

        def square(g, c=c, xi=xi, chance=chance):
            size = math.exp(math.sqrt(xi) * g * x - xi * x * x / 2 + xi * w * w / 2)
            value = c / chance * size * math.cos(math.sqrt(xi) * g * w + xi * b)
            return value**2 * math.exp(-g * g / 2) / math.sqrt(2 * math.pi)

        total += chance * quad(square, -12, 14)[0]
    given = (torch.tensor([[v]], **DOUBLE) for v in (x, w))
    got = bundles.second_moment(TWO_WAVES, L, *given, torch.tensor([b], **DOUBLE))
    assert got.item() == pytest.approx(total, rel=1e-8)


def test_the_rule_of_thumb_is_best_where_it_is_said_to_be():
    """|x|^2 = |w|^2 = L, where the cosine term averages to nothing."""
    L, best = 1.1, bundles.odds(TWO_WAVES, 1.1)
    a = TWO_WAVES.c**2 * torch.exp(2 * TWO_WAVES.xi * L)
    for shift in (-0.05, 0.05):
        other = best + torch.tensor([shift, -shift])
        assert (a / best).sum() < (a / other).sum()


def test_pairs_have_one_length_and_all_products():
    x, w = bundles.pairs_at_angles(1.5, 7, 4)
    torch.testing.assert_close(x.norm(dim=1), torch.full((7,), 1.5).double())
    wanted = 2.25 * torch.cos(torch.linspace(math.pi, 0, 7).double())
    torch.testing.assert_close((x * w).sum(1), wanted)


def test_maps_estimate_their_kernels():
    """ReLU features the arc-cosine kernel, waves the Gaussian one of directions."""
    rng = seeded(3)
    a, b = torch.randn(2, 1, 5, dtype=torch.float64, generator=rng.torch)
    G = torch.randn(200_000, 5, dtype=torch.float64, generator=rng.torch)
    cosine = (F.normalize(a) * F.normalize(b)).sum().item()
    angle, size = math.acos(cosine), (a.norm() * b.norm()).item()
    arc = size * (math.sin(angle) + (math.pi - angle) * cosine) / math.pi
    for kind, wanted in (
        ("ReLU", arc),
        ("waves", math.exp(cosine - 1)),
        ("linear", (a * b).sum().item()),
    ):
        one, two = (bundles.MAPS[kind](v, G) for v in (a, b))
        assert (one * two).sum().item() == pytest.approx(wanted, abs=0.03)


def test_an_snnk_layer_trains_psi_alone_and_is_the_product():
    layer = bundles.SNNKLayer("linear", 4, 3, 6)
    assert [name for name, _ in layer.named_parameters()] == ["Psi"]
    assert layer.Psi.shape == (6, 3)
    x = torch.randn(2, 4)
    wanted = torch.einsum("nd,md,qm->nq", x, layer.G, layer.Psi) / math.sqrt(3)
    torch.testing.assert_close(layer(x), wanted)


def test_middles_have_the_numbers_that_the_text_counts():
    numbers = {
        (kind, m): sum(
            p.numel()
            for one in bundles.middle(kind, m)
            for p in one.parameters()
            if p.requires_grad
        )
        for kind, m in (("dense", 0), ("frozen", 0), ("out", 0), ("ReLU", 64), ("ReLU", 32))
    }
    assert list(numbers.values()) == [65_792, 0, 0, 16_384, 8_192]


@pytest.mark.parametrize("share", [1e-3, 0.2])
def test_ridge_is_least_squares_on_an_extended_system(share):
    rng = np.random.default_rng(4)
    Z, Y = rng.normal(size=(30, 5)) + 2, rng.normal(size=(30, 2)) - 1
    C = Z - Z.mean(0)
    penalty = share * (C**2).sum() / 5
    tall = np.vstack([C, math.sqrt(penalty) * np.eye(5)])
    Omega = np.linalg.lstsq(tall, np.vstack([Y - Y.mean(0), np.zeros((5, 2))]), rcond=None)[0]
    new = rng.normal(size=(4, 5))
    got = bundles.ridge(torch.tensor(Z), torch.tensor(Y), share)(torch.tensor(new))
    np.testing.assert_allclose(got.numpy(), (new - Z.mean(0)) @ Omega + Y.mean(0), atol=1e-10)


def test_ridge_with_duplicated_features_shares_the_weight_and_keeps_float32():
    Z = torch.randn(20, 2)
    twice, Y = torch.cat([Z, Z], 1), torch.randn(20, 1)
    both = bundles.ridge(twice, Y, 0.1)(twice)
    assert both.dtype == torch.float32 and both.isfinite().all()
    with pytest.raises(ValueError, match="share=0"):
        bundles.ridge(Z, Y, 0)


def test_training_takes_the_better_rate_and_does_not_touch_what_is_frozen():
    rng = seeded(5)
    x = torch.randn(120, 4, generator=rng.torch)
    y = (x[:, 0] > 0).long()
    frozen = []

    def build():
        first = nn.Linear(4, 32).requires_grad_(False)
        frozen.append(first.weight.clone())
        return nn.Sequential(first, nn.ReLU(), nn.Linear(32, 2))

    net = bundles.train(build, x, y, 6)
    assert any(torch.equal(net[0].weight, w) for w in frozen)
    assert bundles.accuracy(net(x), y) > 0.9


def test_spirals_turn_as_often_as_said_and_half_are_opposite():
    x, y = bundles.spirals(4000, 1.5, seeded(6).torch)
    r = x.norm(dim=1) / 2
    turn = torch.atan2(x[:, 1], x[:, 0]) / (2 * math.pi) - 1.5 * r - y / 2
    off = (turn - turn.round()).abs()
    assert off[r > 0.3].max() < 0.12
    assert y.double().mean().item() == pytest.approx(0.5, abs=0.03)
    assert r.max() < 1.1


def test_the_encoder_is_linear_with_a_constant():
    A = torch.randn(5, 3)
    x = torch.randn(4, 2)
    wanted = (x @ A[:, :2].T + A[:, 2]) / math.sqrt(5)
    torch.testing.assert_close(bundles.encode(x, A), wanted)


def test_bundles_apply_their_maps_in_order_and_solve():
    rng = seeded(7)
    maps = bundles.stack("ReLU", 3, 40, 2, rng)
    x = torch.randn(200, 3, generator=rng.torch)
    assert maps[1](maps[0](x)).shape == (200, 40)
    y = (x[:, 0].abs() > x[:, 1].abs()).long()
    sets = (x[:150], y[:150]), (x[150:], y[150:])
    assert bundles.solved(maps, *sets) > 0.85
    square = bundles.solved([lambda x: x.square()], *sets)
    assert square > 0.85
    assert bundles.solved([], *sets) < 0.75
