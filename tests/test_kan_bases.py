"""The page on bases: its families and networks against NumPy, SciPy and autograd."""

import math

import numpy as np
import pytest
import torch
from scipy.fft import dct
from scipy.interpolate import BSpline

from helpers import chapter, seeded

bases = chapter("kan/bases")


def test_dense_points_crowd_at_zero_and_at_the_ends():
    x = bases.dense(2000)
    assert len(x) == 2000 and x.diff().min() > 0 and x[0] > -1 and x[-1] < 1
    assert (x.abs() < 0.001).sum() > 100 and (x > 0.999).sum() > 10
    assert torch.allclose(x, -x.flip(0))


def test_pole_columns_are_the_parts_of_a_simple_pole():
    x, a, d = (
        bases.samples(60),
        torch.tensor([0.3, -0.5]).double(),
        torch.tensor([0.2, 0.7]).double(),
    )
    A = bases.pole_columns(x, a, d).numpy()
    pole = 1 / (x.numpy()[:, None] - (a + 1j * d).numpy())
    assert np.allclose(A[:, 0], 1)
    assert np.allclose(A[:, 1:3], d.numpy() * pole.imag)
    assert np.allclose(A[:, 3:], d.numpy() * pole.real)


@pytest.mark.parametrize("n", [5, 9, 23])
def test_families(n):
    x = bases.dense(300)
    z = x.numpy()
    assert all(bases.basis(family, x, n).shape == (300, n) for family in bases.FAMILIES)
    theirs = np.polynomial.chebyshev.chebvander(z, n - 1)
    assert np.allclose(bases.basis("polynomial", x, n), theirs, atol=1e-12)
    for family, power in (("even knots", 1), ("gathered knots", 4)):
        grid = np.linspace(-1, 1, n - 2)
        grid = np.sign(grid) * np.abs(grid) ** power
        t = np.r_[
            grid[0] - (grid[1] - grid[0]) * np.arange(3, 0, -1),
            grid,
            grid[-1] + (grid[-1] - grid[-2]) * np.arange(1, 4),
        ]
        design = BSpline.design_matrix(z, t, 3).toarray()
        assert np.allclose(bases.basis(family, x, n), design, atol=1e-12)


def test_cosines_are_those_of_the_discrete_cosine_transform():
    x = bases.samples(16)
    y = torch.sin(3 * x) + x**2
    c = bases.least_squares(bases.basis("cosines", x, 15), y)
    assert np.allclose(c[1:].numpy(), dct(y.numpy(), type=2)[1:15] / 16, atol=1e-12)


def test_placed_poles_taper_and_reach_down():
    x = torch.tensor([0.0, 0.5]).double()
    n, N = 17, 8
    A = bases.basis("placed poles", x, n)
    d = np.exp(3 * (np.sqrt(np.arange(1, N + 1)) - math.sqrt(N)))
    assert torch.allclose(A[0, 1 : N + 1], torch.ones(N).double())
    assert np.allclose(A[1, 1 : N + 1], d**2 / (d**2 + 0.25))


@pytest.mark.parametrize("family, n", [("wavelets", 7), ("cosines", 8), ("even knots", 3)])
def test_bases_that_do_not_exist(family, n):
    with pytest.raises(ValueError, match="n=|n is 5"):
        bases.basis(family, bases.samples(9), n)


@pytest.mark.parametrize("bad", [1.0, -1.2, math.nan])
def test_points_outside_of_the_interval(bad):
    with pytest.raises(ValueError, match=r"outside of \[-1, 1\)"):
        bases.basis("polynomial", torch.tensor([0.1, bad]).double(), 7)


def test_least_squares_with_zero_and_duplicated_columns():
    x = bases.samples(40)
    A = torch.stack([torch.ones(40).double(), x, x, 0 * x, 1e-9 * x**2], 1)
    y = 2 - 3 * x + 0.5 * x**2
    c = bases.least_squares(A, y)
    assert torch.allclose(A @ c, y, atol=1e-8) and c.isfinite().all()
    assert bases.least_squares(A.float(), y.float()).dtype == torch.float32


@pytest.mark.parametrize("name", list(bases.TARGETS))
def test_aaa_goes_through_samples(name):
    x = bases.dense(400)
    y = bases.TARGETS[name](x)
    assert np.abs(bases.aaa(x, y, 41)(x.numpy()) - y.numpy()).max() < 1e-2


@pytest.mark.parametrize("net", [bases.xnet, bases.tanh_net])
def test_networks_against_loops_and_autograd(net):
    x = bases.samples(30)
    theta = bases.starts(net, 3, 2, 0.1, seeded(21).torch)
    value, J = net(theta, x)
    assert value.shape == (2, 30) and J.shape == (2, 30, theta.shape[1])
    row = theta[1, :-1].unflatten(0, (5 if net is bases.xnet else 3, -1)).numpy()
    slow = np.full(30, theta[1, -1].item())
    for k in range(row.shape[1]):
        u = row[0, k] * x.numpy() + row[1, k]
        if net is bases.xnet:
            slow += (row[2, k] * u + row[3, k]) / (u**2 + row[4, k] ** 2)
        else:
            slow += row[2, k] * np.tanh(u)
    assert np.allclose(value[1], slow)
    automatic = torch.func.jacrev(lambda part: net(part[None], x)[0][0])(theta[0])
    assert torch.allclose(J[0], automatic, atol=1e-9)


def test_starts_are_within_their_ranges_and_of_equal_size():
    theta = bases.starts(bases.xnet, 8, 200, 0.01, seeded(22).torch)
    pole = bases.poles(theta)
    assert theta.shape == (200, 41) and pole.shape == (200, 8)
    assert pole.real.abs().max() <= 1 and pole.imag.min() >= 0.01 and pole.imag.max() <= 1
    assert abs(pole.imag.log10().mean().item() + 1) < 0.05
    w, b = bases.starts(bases.tanh_net, 8, 200, 0.01, seeded(22).torch)[:, :-1].chunk(3, 1)[:2]
    assert w.shape[1] == 13 and 3 * 13 + 1 <= 41
    assert (b / w).abs().max() <= 1 and w.min() >= 1 and w.max() <= 100


def test_poles_of_scaled_neurons():
    theta = torch.tensor([[2.0, -4.0, 0.5, 1.0, 0.3, 0.4, 1.0, 1.0, 0.6, 0.8, 0.0]]).double()
    assert torch.allclose(
        bases.poles(theta)[0], torch.tensor([-0.25 + 0.3j, 0.25 - 0.2j]).cdouble()
    )


def test_errors_are_means_of_squares_at_the_samples():
    x = bases.samples(50)
    assert torch.allclose(x[[0, -1]], torch.tensor([-0.98, 0.98]).double())
    theta = torch.zeros(2, 6).double()
    theta[:, 4] = 1
    theta[1, -1] = 2
    y = torch.ones(50).double()
    assert torch.allclose(bases.mse(bases.xnet, theta, x, y), torch.ones(2).double())
    assert torch.allclose(bases.mse(bases.xnet, theta, x, 3 * y)[1], torch.tensor(1.0).double())
    assert torch.allclose(bases.mse(bases.xnet, theta, x, 5 * y)[1], torch.tensor(9.0).double())
    r, J = bases.residuals(bases.xnet, x, y)(theta)
    assert torch.allclose(r[1], torch.ones(50).double()) and J.shape == (2, 50, 6)


def test_training_finds_a_neuron_and_keeps_the_better_range():
    x = bases.samples(100)
    y = bases.xnet(torch.tensor([[1.0, -0.2, 0.1, 0.05, 0.3, 0.5]]).double(), x)[0][0]
    theta = bases.trained(bases.xnet, 1, x, y, seeded(23).torch, R=5)
    assert bases.mse(bases.xnet, theta, x, y).median() < 1e-12


def test_the_range_with_the_lower_median_training_error_counts():
    x = bases.samples(60)
    y, rng, both = x.abs(), seeded(24).torch, []
    for least in (0.1, 0.01):
        theta = bases.starts(bases.xnet, 2, 3, least, rng)
        evaluate = bases.residuals(bases.xnet, x, y)
        theta = bases.levenberg_marquardt(evaluate, theta, bases.STEPS)
        both.append(bases.mse(bases.xnet, theta, x, y).median())
    theta = bases.trained(bases.xnet, 2, x, y, seeded(24).torch, R=3)
    assert torch.equal(bases.mse(bases.xnet, theta, x, y).median(), min(both))
    assert both[0] != both[1]


def test_an_edge_of_a_kan_has_its_splines_and_silu():
    x = bases.samples(80)
    A = bases.kan_columns(x, 21)
    t = -1 + 2 / 17 * np.arange(-3, 21)
    assert np.allclose(A[:, :20], BSpline.design_matrix(x.numpy(), t, 3).toarray(), atol=1e-12)
    assert np.allclose(A[:, 20], x.numpy() / (1 + np.exp(-x.numpy())))


def test_numerators_solve_the_normal_equations():
    x, place = bases.dense(90), torch.tensor([[0.1, -0.3], [-0.4, -1.0]]).double()
    A = bases.pole_columns(x, place[:, 0], 10 ** place[:, 1]).numpy()
    y = x.abs() ** 0.7
    fit = bases.numerators(place, x, y).numpy()
    assert np.allclose(A.T @ (fit - y.numpy()), 0, atol=1e-10)
    assert np.linalg.matrix_rank(np.column_stack([A, fit])) == A.shape[1]
