"""The benign page's definitions against autograd, SciPy, scikit-learn, quadrature and sampling."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.optimize import minimize
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from torch import nn

from helpers import chapter, seeded

benign = chapter("ntk/benign")
ntk = chapter("ntk")


def two_layer_kernel(z):
    """Theta of one hidden ReLU layer at cosine z, by quadrature over the angle of the weights."""
    turn = math.acos(z)

    def mean(f):
        return quad(lambda a: f(math.cos(a), math.cos(a - turn)), 0, 2 * math.pi, limit=400)[0] / (
            2 * math.pi
        )

    product = mean(lambda u, v: 4 * max(u, 0) * max(v, 0))  # E r^2 = 4 at variance 2
    both = mean(lambda u, v: float(u > 0 and v > 0))
    return 2 * product + 2 * both * 2 * z


def test_kernel_at_a_cosine_is_the_quadrature_s():
    for z in (-0.6, 0.0, 0.35, 0.9):
        got = benign.kernel_at(torch.tensor(z, dtype=torch.float64), 1).item()
        assert got == pytest.approx(two_layer_kernel(z), abs=1e-5)
    grid = torch.tensor([[-0.5, 0.2], [0.7, 1.0]], dtype=torch.float64)
    for depth in (1, 4):
        values = benign.kernel_at(grid, depth)
        assert values.shape == grid.shape
        assert values[1, 1].item() == pytest.approx(2 * (depth + 1))
        rng = np.random.default_rng(3)
        q = np.linalg.qr(rng.normal(size=(7, 2)))[0] * 7**0.5
        for z, value in zip(grid.flatten().tolist(), values.flatten().tolist()):
            pair = torch.tensor(np.stack([q[:, 0], z * q[:, 0] + math.sqrt(1 - z * z) * q[:, 1]]))
            kernel = ntk.infinite_kernels(pair[:1], pair[1:], depth)[1]
            assert kernel.item() == pytest.approx(value)
    for bad in (1.2, -1.2, math.nan):
        with pytest.raises(ValueError, match="z="):
            benign.kernel_at(torch.tensor([bad]), 1)


def test_the_spike_is_what_the_kernel_has_over_its_tangent():
    for depth in (1, 3, 8):
        value, slope, gamma = benign.spike(depth)
        h = 1e-5
        ends = benign.kernel_at(torch.tensor([-h, h, 0.0, 1.0], dtype=torch.float64), depth)
        assert value == pytest.approx(ends[2].item())
        assert slope == pytest.approx((ends[1] - ends[0]).item() / (2 * h), rel=1e-6)
        assert gamma == pytest.approx((ends[3] - ends[2]).item() - slope)
    value, slope, gamma = benign.spike(1)  # by hand: 2 / pi, 1 + 1, 4 - 2 / pi - 2
    assert (value, slope, gamma) == pytest.approx((2 / math.pi, 2.0, 2 - 2 / math.pi))


def test_clusters_have_their_centres_and_flips_their_number():
    x, t = benign.clusters(6000, 16, seeded(81).numpy)
    centre = (x * t[:, None]).mean(0)
    assert centre[0].item() == pytest.approx(4.0, abs=0.06)
    assert centre[1:].abs().max().item() < 0.06
    assert (x - t[:, None] * centre).var().item() == pytest.approx(1.0, abs=0.02)
    for p, wanted in ((0.15, 15), (0.3, 30), (0.0, 0)):
        y = benign.with_flips(t[:100], p, seeded(82).numpy)
        assert (y != t[:100]).sum() == wanted and set(y.abs().tolist()) == {1.0}
    first, second = (benign.with_flips(t, 0.15, seeded(k).numpy) for k in (83, 84))
    assert not torch.equal(first, second)
    for p in (-0.1, 1.5, math.nan):
        with pytest.raises(ValueError, match="p="):
            benign.with_flips(t, p, seeded(82).numpy)


def test_weights_of_labels_are_kernel_regression():
    rng = seeded(85).numpy
    x, x_test = (torch.tensor(rng.normal(size=(n, 4))) for n in (9, 5))
    y = rng.normal(size=9)
    for depth in (1, 3):

        def kernel(a, b, depth=depth):
            return ntk.infinite_kernels(torch.tensor(a), torch.tensor(b), depth)[1].numpy()

        K, k = (kernel(points.numpy(), x.numpy()) for points in (x, x_test))
        wanted = k @ np.linalg.inv(K) @ y
        got = benign.weights_of_labels(x, x_test, depth) @ torch.tensor(y)
        np.testing.assert_allclose(got, wanted, rtol=1e-8)
        np.testing.assert_allclose(benign.weights_of_labels(x, x, depth), np.eye(9), atol=1e-8)
    for twin in (x[:1], 2 * x[:1]):
        with pytest.raises(ValueError, match="x="):
            benign.weights_of_labels(torch.cat([x, twin]), x_test, 1)


def test_the_ridge_twin_is_scikit_learn_s_process_with_that_ridge():
    rng = seeded(86).numpy
    x, x_test = (torch.tensor(rng.normal(size=(n, 6))) for n in (12, 7))
    y = rng.normal(size=12)
    for depth in (1, 5):
        value, slope, gamma = benign.spike(depth)
        from sklearn.gaussian_process.kernels import DotProduct

        linear = slope / 6 * DotProduct(math.sqrt(value / (slope / 6)), "fixed")
        process = GaussianProcessRegressor(linear, alpha=gamma, optimizer=None)
        wanted = process.fit(x.numpy(), y).predict(x_test.numpy())
        got = benign.ridge_twin(x, x_test, depth) @ torch.tensor(y)
        np.testing.assert_allclose(got, wanted, rtol=1e-7)


@pytest.mark.parametrize("loss", ["logistic", "squared"])
def test_descent_is_torch_s_and_reports_what_it_shows(loss):
    rng = seeded(87).numpy
    (x, t), (x_test, _) = (benign.clusters(n, 5, rng) for n in (8, 4))
    y = benign.with_flips(t, 0.25, rng)
    network, other = ntk.ntk_mlp([5, 20, 1]), ntk.ntk_mlp([5, 20, 1])
    other.load_state_dict(network.state_dict())
    largest = np.linalg.eigvalsh(ntk.infinite_kernels(x)[1].numpy())[-1]
    sgd = torch.optim.SGD(other.parameters(), lr={"logistic": 6, "squared": 1}[loss] / largest)
    wanted, begin = [], [p.detach().clone() for p in other.parameters()]
    for _ in range(8):
        f = other(x)[:, 0]
        wanted.append((f.detach(), other(x_test)[:, 0].detach()))
        last = [p.detach().clone() for p in other.parameters()]
        value = (
            nn.functional.soft_margin_loss(f, y, reduction="sum")
            if loss == "logistic"
            else nn.functional.mse_loss(f, y, reduction="sum") / 2
        )
        sgd.zero_grad()
        value.backward()
        sgd.step()
    f, f_test, moved = benign.lazy_descent(network, x, y, x_test, loss, (0, 3, 7))
    for row, k in enumerate((0, 3, 7)):
        torch.testing.assert_close(f[row], wanted[k][0])
        torch.testing.assert_close(f_test[row], wanted[k][1])
    change = sum((a - b).square().sum() for a, b in zip(last, begin)).sqrt()
    length = sum(b.square().sum() for b in begin).sqrt()
    assert moved == pytest.approx((change / length).item())


def test_descent_refuses_what_it_cannot_use():
    x, y = torch.randn(4, 3).double(), torch.ones(4).double()
    network = ntk.ntk_mlp([3, 5, 1])
    for labels, loss in ((y[:, None], "squared"), (y[:3], "logistic"), (y, "hinge")):
        with pytest.raises(ValueError, match="loss="):
            benign.lazy_descent(network, x, labels, x, loss, (0, 1))


def test_logistic_regression_is_scikit_learn_s_where_classes_overlap():
    rng = np.random.default_rng(88)
    x = rng.normal(size=(80, 3))
    y = np.where(x[:, 0] + rng.normal(size=80) > 0, 1.0, -1.0)
    plain = LogisticRegression(C=1e10, fit_intercept=False, tol=1e-10).fit(x, y)
    labels = torch.tensor(np.stack([y, -y], 1))
    got = benign.logistic_regression(torch.tensor(x), labels, 4000)
    np.testing.assert_allclose(got[:, 0], plain.coef_[0], atol=1e-4)
    np.testing.assert_allclose(got[:, 1], -plain.coef_[0], atol=1e-4)

    def loss(w):
        return np.logaddexp(0, -y * (x @ w)).sum()

    np.testing.assert_allclose(minimize(loss, np.zeros(3)).x, got[:, 0], atol=1e-3)


def test_slopes_are_finite_differences():
    rng = seeded(89).numpy
    (x, t), (x_test, _) = (benign.clusters(n, 6, rng) for n in (15, 10))
    y = benign.with_flips(t, 0.2, rng)
    f, G, steepest = benign.slopes(x, y, x_test, 2, rng)

    def output(points):
        return benign.weights_of_labels(x, points, 2) @ y

    torch.testing.assert_close(f, output(x_test))
    squares = torch.zeros(10).double()
    for k in range(6):
        h = torch.zeros(6).double()
        h[k] = 1e-5
        squares += ((output(x_test + h) - output(x_test - h)) / 2e-5).square()
    assert abs(G / squares.mean().sqrt().item() - 1) < 1e-6
    assert steepest >= squares.sqrt().max().item() * (1 - 1e-6)
    # Beside a training point the slope is a directional one: below that of the worst direction.
    worst = 0.0
    for i in range(15):
        p = x[i] + 1e-3 * nn.functional.normalize(torch.tensor(rng.normal(size=(4000, 6))))
        worst = max(worst, (1e3 * (output(p) - y[i]).abs()).max().item())
    assert steepest <= max(worst, squares.sqrt().max().item()) * 1.05


def test_parts_of_the_error_are_what_sampling_gives():
    rng = seeded(90).numpy
    x, x_test = (torch.tensor(rng.normal(size=(n, 3))) for n in (8, 6))
    A = benign.weights_of_labels(x, x_test, 1)
    first, second, noise, start = benign.error_parts(A, x, x_test, 1).tolist()
    for part, g in ((first, lambda u: u[:, 0]), (second, lambda u: u[:, 0] * u[:, 1])):
        wanted = ((A @ g(x)).numpy() - g(x_test).numpy()) ** 2
        assert part == pytest.approx(wanted.mean())
    draws = A.numpy() @ rng.normal(size=(8, 40000))
    assert noise == pytest.approx((draws**2).mean(), rel=0.03)
    both = torch.cat([x, x_test]).numpy()
    hidden = rng.normal(size=(3, 40000)) * math.sqrt(2 / 3)
    # One random neuron has the covariance of a network: no central limit is needed for it.
    values = math.sqrt(2) * np.maximum(both @ hidden, 0) * rng.normal(size=40000)
    wanted = ((values[8:] - A.numpy() @ values[:8]) ** 2).mean()
    assert start == pytest.approx(wanted, rel=0.08)


def test_least_squares_are_scikit_learn_s():
    rng = np.random.default_rng(91)
    x, x_test, y = rng.normal(size=(20, 4)), rng.normal(size=(6, 4)), rng.normal(size=20)
    wanted = LinearRegression().fit(x, y).predict(x_test)
    A = benign.least_squares(torch.tensor(x), torch.tensor(x_test))
    np.testing.assert_allclose(A.numpy() @ y, wanted)
    constant = benign.least_squares(torch.ones(5, 2).double(), torch.ones(3, 2).double())
    np.testing.assert_allclose(constant, np.full((3, 5), 0.2))


def test_the_theorem_bounds_a_steep_and_a_flat_function():
    rng = seeded(92).numpy
    x = torch.tensor(rng.normal(size=(200000, 2))) + torch.tensor([1.5, 0.0])
    for steep in (1.0, 6.0):
        f = torch.tanh(steep * x[:, 0]) + 0.3 * torch.sin(x[:, 1])
        slope = steep / torch.cosh(steep * x[:, 0]).square()
        G2 = (slope.square() + (0.3 * torch.cos(x[:, 1])).square()).mean()
        m = f.mean()
        assert (f < 0).double().mean() <= G2 / (G2 + m * m)
