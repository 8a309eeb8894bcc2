"""The one-neuron page's definitions against autograd, SciPy, grids and sums written out."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize, minimize_scalar

from helpers import chapter, seeded

neuron = chapter("convex/neuron")


@pytest.fixture
def sample():
    rng = seeded(61)
    x = torch.randn(3, 40, 5, dtype=torch.float64, generator=rng.torch)
    y = torch.randn(3, 40, dtype=torch.float64, generator=rng.torch) + 0.4
    w = torch.randn(3, 5, dtype=torch.float64, generator=rng.torch)
    return w, x, y


@pytest.fixture
def one_feature():
    """24 samples of each of 4 features, labels of all signs."""
    draw = np.random.default_rng(62)
    x = np.zeros((96, 4))
    x[np.arange(96), np.arange(96) % 4] = draw.normal(size=96) + 0.3
    y = draw.normal(size=96) + 0.5 * np.maximum(x @ [1.0, -1.5, 0.5, -0.3], 0)
    return torch.tensor(x), torch.tensor(y)


def test_gradients_are_the_derivatives_of_the_losses(sample):
    w, x, y = sample
    for loss, gradient, factor in (
        (neuron.square_loss, neuron.square_gradient, 2.0),
        (neuron.surrogate_loss, neuron.surrogate_gradient, 1.0),
    ):
        wanted = torch.func.grad(lambda w, loss=loss: loss(w, x, y).sum())(w)
        torch.testing.assert_close(factor * gradient(w, x, y), wanted)


def test_losses_are_means_of_the_written_out_terms(sample):
    w, x, y = (part[0].numpy() for part in sample)
    square = surrogate = 0.0
    for row, label in zip(x, y):
        t = float(row @ w)
        square += (max(t, 0) - label) ** 2 / len(y)
        r = np.linspace(0, t, 20001)
        surrogate += np.trapezoid(np.maximum(r, 0) - label, r) / len(y)
    given = [torch.tensor(part) for part in (w, x, y)]
    assert neuron.square_loss(*given).item() == pytest.approx(square, abs=1e-12)
    assert neuron.surrogate_loss(*given).item() == pytest.approx(surrogate, abs=1e-6)


def test_descent_takes_one_step_against_the_gradient_and_keeps_the_path():
    path = neuron.descend(lambda w, x, y: w - y, torch.tensor([4.0]), None, 2.0, 3, rate=0.5)
    assert path[:, 0].tolist() == [4.0, 3.0, 2.5, 2.25]


def test_one_feature_floors_are_those_of_numerical_minimisation(one_feature):
    x, y = one_feature
    floor, best = neuron.surrogate_floor(x, y), neuron.best_neuron(x, y)
    for j in range(4):
        mine = x[:, j] != 0
        r, label = x[mine, j].numpy(), y[mine].numpy()

        def surrogate(w, r=r, label=label):
            return (np.maximum(w * r, 0) ** 2 / 2 - label * w * r).sum()

        def square(w, r=r, label=label):
            return ((np.maximum(np.outer(w, r), 0) - label) ** 2).sum(1)

        wanted = minimize_scalar(surrogate, bracket=(-1, 1)).x
        assert floor[j].item() == pytest.approx(wanted, abs=1e-6)
        grid = np.linspace(-6, 6, 120001)
        assert square([best[j].item()])[0] <= square(grid).min() + 1e-6


def test_best_neuron_is_silent_if_no_label_rewards_it():
    x = torch.tensor([[1.0, 0.0], [-2.0, 0.0], [0.0, 1.5]]).double()
    y = torch.tensor([-0.4, -1.0, 0.6]).double()
    torch.testing.assert_close(neuron.best_neuron(x, y), torch.tensor([0.0, 0.4]).double())


def test_flow_ends_where_short_steps_end(one_feature):
    x, y = one_feature
    clean = (x @ torch.tensor([1.0, -1.5, 0.5, -0.3]).double()).clamp(min=0)
    for labels in (y, clean, y.abs(), -y.abs(), 0.8 * x.sum(1)):
        valleys = neuron.valleys(x, labels)
        for side in (torch.ones(4), -torch.ones(4)):
            start = 0.7 * side.double()
            path = neuron.descend(neuron.square_gradient, start, x, labels, 20000, 0.02)
            wanted = neuron.flow(start, *valleys)
            torch.testing.assert_close(path[-1], wanted, atol=5e-3, rtol=0)


def test_sharpness_is_the_quotient_in_a_loop_and_one_half_for_symmetric_inputs():
    rng = seeded(63)
    x = torch.randn(30, 3, dtype=torch.float64, generator=rng.torch)
    w, w_star = torch.randn(2, 4, 3, dtype=torch.float64, generator=rng.torch)
    got = neuron.sharpness(w, x, w_star[0])
    for k in range(4):
        gap = w[k] - w_star[0]
        terms = [
            (max(float(row @ w[k]), 0) - max(float(row @ w_star[0]), 0)) * float(row @ gap)
            for row in x
        ]
        assert got[k].item() == pytest.approx(np.mean(terms) / float(gap @ gap))
    white = torch.linalg.qr(x)[0] * 30**0.5
    both = torch.cat([white, -white])
    torch.testing.assert_close(neuron.sharpness(w, both, w_star[0]), torch.full((4,), 0.5).double())


def test_the_search_for_flat_places_finds_the_flattest_axis():
    x = torch.tensor([[2.0, 0.0], [-2.0, 0.0], [0.0, 0.6], [0.0, -0.6]]).double()
    w_star = torch.tensor([0.8, 0.6]).double()
    first, last = neuron.flattest(x, w_star, seeded(64).torch, steps=300)
    quotients = neuron.sharpness(last, x, w_star)
    assert quotients.min().item() == pytest.approx(0.09, abs=0.01)
    assert quotients.mean() < neuron.sharpness(first, x, w_star).mean()
    torch.testing.assert_close((first - w_star).norm(dim=1).max(), torch.tensor(2.0).double())


def test_false_labels_are_as_many_as_said_and_where_said():
    x = torch.arange(-5, 5).double()[:, None] + 0.5
    w = torch.ones(1).double()
    true = (x[:, 0]).clamp(min=0)
    for who, at, wanted in (
        ("silence the loudest", [8, 9], [0.0, 0.0]),
        ("negate the loudest", [8, 9], [-3.5, -4.5]),
        ("speak in the silence", [0, 1], [-4.5, -3.5]),
    ):
        y = neuron.falsify(x, w, 0.2, who)
        assert (y != true).nonzero()[:, 0].tolist() == at
        assert y[at].tolist() == wanted


def test_inputs_have_mean_squares_of_one_and_few_features_are_few():
    rng = seeded(65)
    for kind in neuron.INPUTS:
        x = neuron.inputs(kind, (2, 20000, 6), rng.torch)
        assert x.dtype == torch.float64
        assert x.square().mean().item() == pytest.approx(1, abs=0.05)
    for active in (1, 3):
        x = neuron.few_features((5000, 6), active, rng.torch)
        assert ((x != 0).sum(1) == active).all()
        assert (x[x != 0] > 0).double().mean().item() == pytest.approx(0.7, abs=0.03)
        assert x.square().mean().item() == pytest.approx(1, abs=0.08)


def test_twice_least_squares_is_the_surrogate_s_minimiser_on_a_symmetric_sample():
    rng = seeded(66)
    x = torch.randn(40, 3, dtype=torch.float64, generator=rng.torch)
    x, y = torch.cat([x, -x]), torch.randn(80, dtype=torch.float64, generator=rng.torch)

    def surrogate(w):
        t = x.numpy() @ w
        return (np.maximum(t, 0) ** 2 / 2 - y.numpy() * t).mean()

    wanted = minimize(surrogate, np.zeros(3), tol=1e-12).x
    got = neuron.doubled_least_squares(x, y)
    np.testing.assert_allclose(got.numpy(), wanted, atol=1e-4)


def test_step_size_and_relative_error():
    x = torch.tensor([[3.0, 0.0], [0.0, 1.0]]).double()
    assert neuron.step_size(x) == pytest.approx(2 / 9)
    labels = torch.tensor([3.0, 1.0]).double()
    w = torch.tensor([[1.0, 1.0], [-1.0, -2.0], [1.0, 0.0]]).double()
    assert neuron.relative(w, x, labels).tolist() == pytest.approx([0.0, 1.0, 0.1])


def test_four_points_for_which_least_squares_are_a_bad_start_and_the_surrogate_is_not():
    x = torch.tensor([[2.82, -0.80], [-0.50, 1.62], [2.60, -0.32], [-0.79, -0.49]]).double()
    w_star = torch.tensor([-1.0, 0.0]).double()
    y = (x @ w_star).clamp(min=0)
    start, rate = neuron.doubled_least_squares(x, y), neuron.step_size(x)
    for begin in (start, start / 2):
        end = neuron.descend(neuron.square_gradient, begin, x, y, 5000, rate)[-1]
        assert neuron.relative(end[None], x, y).item() > 0.5
    found = neuron.descend(neuron.surrogate_gradient, begin, x, y, 5000, rate)[-1]
    torch.testing.assert_close(found, w_star, atol=1e-6, rtol=0)
