"""The page on permutations against linear algebra in NumPy, draws, SciPy and counting."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm

from helpers import chapter, seeded

permutations = chapter("ntk/permutations")


def relu_parts(x, z):
    """Covariance and the first layer's part of the NTK at unit inputs of k bits, in NumPy."""
    cosine = np.clip(x @ z.T, -1, 1)
    angle = np.arccos(cosine)
    covariance = (np.sin(angle) + (np.pi - angle) * cosine) / (2 * np.pi)
    first = cosine * (np.pi - angle) / (2 * np.pi)
    return covariance / x.shape[1], first / x.shape[1]


def conditioned(k, s):
    """Means (N, k) and variances (N,) of trained networks on all strings, by linear algebra."""
    x, E = permutations.bit_strings(k).numpy(), np.eye(k)
    parts = relu_parts(E, E), relu_parts(x, E)
    (K, K_first), (K_x, K_x_first) = parts
    weights = np.linalg.solve((K + s * K_first).T, (K_x + s * K_x_first).T).T
    own = relu_parts(x, x)[0].diagonal()
    v = own - 2 * (weights * K_x).sum(1) + ((weights @ K) * weights).sum(1)
    return x > 0, weights, v


def test_strings_of_three_bits():
    wanted = {(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1), (1, 1, 1)}
    x = permutations.bit_strings(3)
    assert {tuple(row) for row in (x > 0).int().tolist()} == wanted
    torch.testing.assert_close(x.norm(dim=1), torch.ones(7).double())
    for wrong in (0, -2, 21):
        with pytest.raises(ValueError, match="k ="):
            permutations.bit_strings(wrong)


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("s", [0.0, 0.35, 1.0])
def test_moments_are_those_of_linear_algebra(k, s):
    on, weights, v = conditioned(k, s)
    h = torch.tensor(on.sum(1))
    mean_on, mean_off, variance = (part.numpy() for part in permutations.string_moments(k, h, s))
    np.testing.assert_allclose(
        np.where(on, mean_on[:, None], mean_off[:, None]), weights, atol=1e-6
    )
    np.testing.assert_allclose(variance, v, atol=1e-6)


def test_signs_of_the_mean_are_the_answer():
    for k in (2, 3, 17, 200):
        for s in (0.0, 0.5, 1.0):
            on, off, v = permutations.string_moments(k, torch.arange(2, k + 1), s)
            assert (on > 0).all() and (off < 0).all() and (v > 0).all()
            first = permutations.string_moments(k, torch.tensor(1), s)
            assert [part.item() for part in first] == pytest.approx([1, 0, 0], abs=1e-12)


def test_halfway_is_between_zero_and_the_smallest_mean_on_a_one():
    on, _, _ = permutations.string_moments(6, torch.arange(1, 7), 0.3)
    assert permutations.halfway(6, 0.3) == pytest.approx(on.min().item() / 2)


@pytest.mark.parametrize("cut", [0.0, 0.1, 0.45])
def test_share_is_that_of_draws(cut):
    k, h, M, s = 6, 3, 9, 0.6
    on, off, v = (part.item() for part in permutations.string_moments(k, torch.tensor(h), s))
    noise = np.random.default_rng(99).normal(size=(40_000, M, k)).mean(1) * math.sqrt(v)
    mean = np.array([on] * h + [off] * (k - h))
    right = ((noise + mean > cut) == ([True] * h + [False] * (k - h))).all(1).mean()
    assert permutations.share_exact(k, h, M, s, cut) == pytest.approx(right, abs=0.01)


def test_networks_for_is_the_inverse_and_grows_with_the_share():
    for k, h, share, s in ((5, 2, 0.9, 0.0), (30, 2, 0.5, 1.0), (12, 12, 0.99, 0.4)):
        M = permutations.networks_for(k, h, share, s)
        assert permutations.share_exact(k, h, M, s) == pytest.approx(share, abs=1e-6)
        assert permutations.networks_for(k, h, (1 + share) / 2, s) > M
    for wrong in (0, 1, -0.2, math.nan):
        with pytest.raises(ValueError, match="share"):
            permutations.networks_for(5, 2, wrong)


@pytest.mark.parametrize("s", [0.0, 1.0])
def test_trained_networks_fit_the_bits_and_have_the_formula_s_noise(s):
    order = torch.tensor([2, 0, 3, 1])
    networks = permutations.train_permutation(order, 1024, 300, seeded(100).torch, s, steps=40)
    E = torch.eye(4).double()
    fitted = networks.evaluate(E)
    torch.testing.assert_close(fitted, E[:, order].expand(300, 4, 4), atol=1e-3, rtol=0)
    x = permutations.bit_strings(4)
    x = x[(x > 0).sum(1) == 3]
    out = networks.evaluate(x)
    on, off, v = permutations.string_moments(4, torch.tensor(3), s)
    wanted = torch.where(x[:, order] > 0, on, off)
    assert (out.mean(0) - wanted).abs().max() < 5 * math.sqrt(v / 300)
    assert out.var(0).mean().item() == pytest.approx(v.item(), rel=0.15)


def test_a_frozen_first_layer_stays():
    order, generator = torch.arange(3), seeded(101).torch
    W = torch.randn(2, 20, 3, generator=seeded(101).torch)
    networks = permutations.train_permutation(order, 20, 2, generator, first=0.0)
    torch.testing.assert_close(networks.weights[0].detach(), W)


def test_some_weights_are_whole_rising_and_all_of_them_for_few_bits():
    assert permutations.some_weights(9).tolist() == list(range(2, 10))
    for k in (100, 2**20):
        h = permutations.some_weights(k)
        assert h[0] == 2 and h[-1] == k and (h.diff() > 0).all() and (h == h.round()).all()
        assert k - 1 in h and 3 in h


def test_bound_by_weight_is_the_union_bound_written_out():
    k, h = 6, permutations.some_weights(6)
    got = permutations.by_weight(k, h, failure=0.2)
    failing, M = 0.0, got.max().item()
    for i, ones in enumerate(range(2, k + 1)):
        on, off, v = (part.item() for part in permutations.string_moments(k, torch.tensor(ones)))
        margin = on if ones == k else min(on, -off)
        p = 0.2 / (k**2 * math.comb(k, ones))
        assert got[i].item() == pytest.approx(v / margin**2 * norm.ppf(p) ** 2, rel=1e-8)
        failing += math.comb(k, ones) * k * norm.cdf(-margin * math.sqrt(M / v))
    assert failing <= 0.2


def test_crude_bound_takes_the_worst_of_everything():
    k = 7
    on, off, v = permutations.string_moments(k, torch.arange(2, k + 1))
    worst = min(on.min().item(), -off[:-1].max().item())
    wanted = v.max().item() / worst**2 * norm.ppf(0.1 / (k * 2**k)) ** 2
    assert permutations.crude(k) == pytest.approx(wanted, rel=1e-8)
    for k in (8, 1000):
        h = permutations.some_weights(k)
        assert permutations.crude(k) > permutations.by_weight(k, h).max()
