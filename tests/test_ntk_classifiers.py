"""The classifiers page's definitions against mpmath, quadrature, scikit-learn and hand sums."""

import math

import mpmath
import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm
from sklearn.neighbors import KNeighborsClassifier

from helpers import chapter, seeded

deep = chapter("ntk/classifiers")
COEFFICIENTS = list(deep.ACTIVATIONS.values())


def kernels(c, z, depth):
    """log Sigma and Theta / Sigma by the recursion as written, in 400 digits."""
    with mpmath.workdps(400):
        c = [mpmath.mpf(str(part)) for part in c]
        sigma = theta = mpmath.mpf(z)
        for _ in range(depth):
            slope = sum(k * c[k] * sigma ** (k - 1) for k in range(1, len(c)))
            sigma = sum(part * sigma**k for k, part in enumerate(c))
            theta = slope * theta + sigma
        return float(mpmath.log(sigma)), float(theta / sigma)


@pytest.mark.parametrize("c", COEFFICIENTS)
@pytest.mark.parametrize("depth", [1, 2, 9, 25])
def test_kernels_are_those_of_the_recursion_in_many_digits(c, depth):
    z = torch.tensor([0.05, 0.5, 0.9, 0.9999], dtype=torch.float64)
    log_sigma, rho = deep.kernels_at_depth(c, z, [depth])[depth]
    for k, cosine in enumerate(("0.05", "0.5", "0.9", "0.9999")):
        wanted, ratio = kernels(c, cosine, depth)
        assert log_sigma[k].item() == pytest.approx(wanted, rel=1e-9, abs=1e-12)
        assert rho[k].item() == pytest.approx(ratio, rel=1e-9)


def test_kernels_at_the_ends_of_the_interval():
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
    for c in COEFFICIENTS:
        b = sum(k * part for k, part in enumerate(c))
        for L in (1, 3, 60):
            log_sigma, rho = deep.kernels_at_depth(c, ends, [L])[L]
            assert log_sigma[1] == 0
            assert rho[1].item() == pytest.approx(sum(b**k for k in range(L + 1)))
            assert torch.isfinite(rho).all()
            assert (log_sigma[0] == -math.inf) == (c[0] == 0)
    log_sigma, rho = deep.kernels_at_depth(deep.MAJORITY, ends, [1])[1]
    assert log_sigma[0].exp().item() == pytest.approx(0.3)  # Theta_1(0) = Sigma_1(0) = c_0
    assert rho[0].item() == pytest.approx(1.0)


def test_a_training_point_recognises_itself_at_any_depth():
    """Coefficients whose floating-point sum is not exactly 1."""
    one = torch.ones(1, dtype=torch.float64)
    for c in ((0.0, 0.1, 0.2, 0.7), deep.pole_activation(2.7), (0.3, 0.2, 0.1, 0.4)):
        b = sum(k * part for k, part in enumerate(c))
        for L in (20, 150):
            log_sigma, rho = deep.kernels_at_depth(c, one, [L])[L]
            assert log_sigma.item() == 0
            wanted = (b ** (L + 1) - 1) / (b - 1)
            assert rho.item() == pytest.approx(wanted, rel=1e-9)


def test_kernels_keep_the_precision_and_refuse_what_they_cannot_use():
    z = torch.tensor([0.2, 0.95])
    log_sigma, rho = deep.kernels_at_depth(deep.POLE, z, [10])[10]
    wide = deep.kernels_at_depth(deep.POLE, z.double(), [10])[10]
    assert log_sigma.dtype == rho.dtype == torch.float32
    torch.testing.assert_close(log_sigma.double(), wide[0], rtol=1e-4, atol=1e-4)
    for bad in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="z="):
            deep.kernels_at_depth(deep.POLE, torch.tensor([bad]), [2])
    for c in ((0.0, 0.5), (0.5, 0.6, -0.1), (0.0, 0.0)):
        with pytest.raises(ValueError, match="c="):
            deep.kernels_at_depth(c, z, [2])


@pytest.mark.parametrize("c", COEFFICIENTS)
def test_the_activation_has_the_dual_that_it_is_said_to_have(c):
    sigma = deep.Hermite(c)

    def mean(z):
        def inner(u):
            v = z * u + math.sqrt(1 - z * z) * nodes
            out = sigma(torch.tensor(v)).numpy() @ weights
            return float(sigma(torch.tensor(u).double())) * out * norm.pdf(u)

        return quad(inner, -9, 9, limit=200)[0]

    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    weights = weights / math.sqrt(2 * math.pi)
    for z in (0.0, 0.4, 0.85):
        wanted = np.polynomial.polynomial.polyval(z, c)
        assert mean(z) == pytest.approx(wanted, abs=1e-7)
        assert deep.power_series(c, torch.tensor(z)).item() == pytest.approx(wanted, abs=1e-6)


def test_power_series_is_numpy_s():
    z = torch.linspace(-1.5, 1.5, 12, dtype=torch.float64).view(3, 4)
    c = (0.3, -1.2, 0.7, 2.0, 0.1)
    wanted = np.polynomial.polynomial.polyval(z.numpy(), c)
    np.testing.assert_allclose(deep.power_series(c, z).numpy(), wanted)


def test_a_vote_is_the_sign_of_the_weighted_sum_and_survives_small_weights():
    rng = np.random.default_rng(5)
    log_k, values = rng.normal(size=(6, 9)), rng.normal(size=(9, 2))
    wanted = np.sign(np.exp(log_k) @ values)
    for shift in (0, -5000, 5000):
        got = deep.vote(torch.tensor(log_k + shift), torch.tensor(values))
        np.testing.assert_array_equal(got.numpy(), wanted)
    nothing = torch.full((1, 9), -math.inf, dtype=torch.float64)
    assert deep.vote(nothing, torch.tensor(values)).tolist() == [[0.0, 0.0]]


def test_the_shallow_network_is_kernel_regression():
    rng = seeded(71).numpy
    (x, t, _), (x_test, _, _) = (deep.plane_points(n, 0.1, rng) for n in (12, 40))
    y = torch.stack([t, deep.with_wrong_labels(t, 0.3, rng)], 1)

    def both(z, c, depth):
        sigma = theta = z
        for _ in range(depth):
            slope = sum(k * c[k] * sigma ** (k - 1) for k in range(1, len(c)))
            sigma = sum(part * sigma**k for k, part in enumerate(c))
            theta = slope * theta + sigma
        return sigma, theta

    for c in COEFFICIENTS:
        for which, all_layers in ((0, False), (1, True)):
            K, k = (both(p.numpy() @ x.numpy().T, c, 6)[which] for p in (x, x_test))
            K = K / K[0, 0] + 1e-8 * np.eye(12)
            wanted = np.sign(k @ np.linalg.solve(K, y.numpy()))
            got = deep.deep_classifier(c, x, y, x_test, [6], all_layers)[6]
            assert (got.numpy() == wanted).mean() > 0.98


def test_deep_limits_are_nearest_neighbour_and_majority():
    rng = seeded(72).numpy
    (x, t, _), (x_test, _, _) = (deep.plane_points(n, 0.0, rng) for n in (61, 200))
    y = deep.with_wrong_labels(t, 0.2, rng)
    knn = KNeighborsClassifier(1).fit(x, y).predict(x_test)
    got = deep.deep_classifier(deep.NEAREST, x, y[:, None], x_test, [25])[25][:, 0]
    assert (got.numpy() == knn).mean() > 0.99
    for labels in (y, -y):
        got = deep.deep_classifier(deep.MAJORITY, x, labels[:, None], x_test, [80])[80]
        assert (got == labels.sum().sign()).all()


def test_duplicated_points_and_points_behind_the_sphere():
    x = deep.on_sphere(torch.tensor([[0.1, 0.2], [0.1, 0.2], [-0.5, 0.3]]).double())
    y = torch.tensor([[1.0], [1.0], [-1.0]]).double()
    got = deep.deep_classifier(deep.POLE, x, y, x, [3, 40])
    assert all(torch.equal(signs, y) for signs in got.values())
    behind = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.6, -0.8]]).double()
    with pytest.raises(ValueError, match="x, x_test"):
        deep.deep_classifier(deep.POLE, behind, y[:2], behind, [3])


def test_points_lie_on_the_cap_and_classes_on_their_sides():
    x, t, u = deep.plane_points(500, 0.2, seeded(73).numpy)
    torch.testing.assert_close(x.norm(dim=1), torch.ones(500).double())
    torch.testing.assert_close(x[:, :2] / x[:, 2:], u)
    assert (x @ x.T).min() > 0 and u.abs().max() <= 0.7
    above = u[:, 1].numpy() > 0.2 + 0.25 * np.sin(5 * u[:, 0].numpy())
    np.testing.assert_array_equal(t.numpy() > 0, above)
    flipped = deep.with_wrong_labels(torch.ones(40, 500).double(), 0.3, seeded(74).numpy)
    assert set(flipped.unique().tolist()) == {-1.0, 1.0}
    assert (flipped < 0).double().mean().item() == pytest.approx(0.3, abs=0.02)


def test_pole_weights_are_powers_of_the_distance():
    rng = seeded(75).numpy
    (x, _, _), (x_test, _, _) = (deep.plane_points(n, 0.0, rng) for n in (9, 30))
    y = torch.tensor(rng.normal(size=(9, 2)))
    r = torch.cdist(x_test, x)
    for order in (0.7, 2.0, 5.0):
        wanted = (r**-order @ y).sign()
        assert torch.equal(deep.pole_classifier(x, y, x_test, order), wanted)
    assert torch.equal(deep.pole_classifier(x, y, x, 3.0), y.sign())  # at the points themselves


def test_the_order_of_a_pole():
    assert deep.pole_order(deep.POLE) == pytest.approx(2.0)
    assert deep.pole_order((0.0, 0.25, 0.0, 0.75)) == pytest.approx(2 * math.log(4) / math.log(2.5))
    for order in (0.4, 2.7, 9.0):
        c = deep.pole_activation(order)
        assert sum(c) == pytest.approx(1) and min(c) >= 0
        b = sum(k * part for k, part in enumerate(c))
        assert -2 * math.log(c[1]) / math.log(b) == pytest.approx(order)
    for order in (0.2, 40.0, math.nan):
        with pytest.raises(ValueError, match="order="):
            deep.pole_activation(order)
    for c in (deep.NEAREST, deep.MAJORITY, (0.0, 1.0)):
        with pytest.raises(ValueError, match="c="):
            deep.pole_order(c)


def test_the_table_holds_the_limit_kernel():
    """kappa solves Schroeder's equation kappa(dual(z)) = a kappa(z)."""
    for order in (1.0, 2.0, 6.0):
        c = deep.pole_activation(order)
        table = deep.limit_table(c)
        z = torch.tensor([0.999, 0.99, 0.95, 0.9], dtype=torch.float64)
        image = torch.tensor(np.polynomial.polynomial.polyval(z.numpy(), c))
        here, there = (deep.read_off(table, deep.rows_at(at)) for at in (z, image))
        wanted = torch.full((4,), math.log(c[1])).double()
        torch.testing.assert_close(there - here, wanted, atol=5e-3, rtol=0)
        narrow = deep.read_off(table, deep.rows_at(z).float())
        assert narrow.dtype == torch.float32
        torch.testing.assert_close(narrow.double(), here, atol=1e-3, rtol=0)
    ends = deep.read_off(table, deep.rows_at(torch.tensor([0.0, 1.0]).double()))
    torch.testing.assert_close(ends, torch.stack([table[-1], table[0]]))


def test_the_plateau_of_few_neighbours():
    """A huge exponent is 1-nearest neighbour; for 2 the first of two arrivals can be outvoted."""
    rng = np.random.default_rng(76)
    assert deep.plateau(60, 0.2, rng, draws=8000) == pytest.approx(0.2, abs=0.02)
    assert deep.plateau(1.05, 0.05, rng, draws=2000) < 0.01
    arrivals = rng.exponential(size=(4000, 3000)).cumsum(1)
    signs = np.where(rng.random(arrivals.shape) < 0.2, -1, 1)
    wanted = ((signs * arrivals**-2.0).sum(1) < 0).mean()
    assert deep.plateau(2, 0.2, rng, draws=16000) == pytest.approx(wanted, abs=0.03)


def test_the_disc_and_its_balanced_test_points():
    x, t = deep.disc_points(4000, seeded(77).numpy)
    inside = (x[:, :2] / x[:, 2:]).norm(dim=1) < 0.3
    assert torch.equal(inside, t > 0)
    assert inside.double().mean().item() == pytest.approx(math.pi * 0.09 / 1.96, abs=0.02)
    x, t = deep.balanced_points(200, seeded(78).numpy)
    assert len(x) == 200 and t.sum() == 0
    assert torch.equal((x[:, :2] / x[:, 2:]).norm(dim=1) < 0.3, t > 0)


def test_shares_wrong_are_means_over_points_and_label_draws():
    t = torch.tensor([1.0, 1.0, -1.0, -1.0])
    signs = t[None, :, None].repeat(3, 1, 16)
    signs[1, 0, :8] *= -1  # the first rate, all eight draws of one point in four
    signs[2, :, 8:10] *= -1  # the second rate, two draws of eight at all points
    got = deep.shares_wrong(signs, t)
    assert got.tolist() == [[0.0, 0.0], [0.25, 0.0], [0.0, 0.25]]


def test_the_vote_of_neighbours_is_scikit_learn_s():
    rng = seeded(79).numpy
    (x, t, _), (x_test, _, _) = (deep.plane_points(n, 0.0, rng) for n in (50, 120))
    y = torch.stack([deep.with_wrong_labels(t, p, rng) for p in (0.1, 0.3)], 1)
    for k in (1, 3, 7):
        got = deep.neighbour_vote(x_test @ x.T, y, k)
        for column in range(2):
            wanted = KNeighborsClassifier(k).fit(x, y[:, column]).predict(x_test)
            np.testing.assert_array_equal(got[:, column].numpy(), wanted)


def test_the_plateau_counts_the_neighbours_beyond_300_by_their_mean():
    """Arrivals 1, 2, ..., 300, the first 8 labels wrong: -0.09, and 3.39 from the others."""

    class Fixed:
        def exponential(self, size):
            return np.ones(size)

        def random(self, shape):
            return np.broadcast_to(np.arange(shape[1]) >= 8, shape).astype(float)

    powers = np.arange(1, 301) ** -1.1
    known = powers.sum() - 2 * powers[:8].sum()
    assert known < 0 < known + 0.6 * 300**-0.1 / 0.1
    assert deep.plateau(1.1, 0.2, Fixed(), draws=2) == 0
    assert deep.plateau(4.0, 0.2, Fixed(), draws=2) == 1
