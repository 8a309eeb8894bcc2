"""Duals and optima: projections by CVXPY, hulls by hand, derivatives by differences."""

import cvxpy as cp
import numpy as np
import pytest
import torch

from helpers import chapter, seeded

convex, duals, optima = chapter("convex"), chapter("convex/duals"), chapter("convex/optima")


@pytest.fixture(scope="module")
def waves():
    rng = seeded(21)
    X, y = duals.noisy_waves(9, 1, rng.numpy)
    return X, y, convex.all_gates(X)


def test_cone_projections_are_cvxpys(waves):
    X, y, D = waves
    q = duals.cone_projections(X, D, y)
    for i in (0, 7, 13):
        E, c = 2 * D[i].numpy() - 1.0, (X.T @ (D[i] * y)).numpy()
        for side, sign in ((0, 1), (1, -1)):
            u = cp.Variable(2)
            rules = [cp.multiply(E, X.numpy() @ u) >= 0]
            cp.Problem(cp.Minimize(cp.norm(u - sign * c)), rules).solve(cp.CLARABEL)
            assert np.allclose(q[side, i], u.value, atol=1e-4)


@pytest.mark.parametrize("beta", [0.02, 0.3])
def test_no_neuron_exceeds_the_bound_and_the_fit_is_made_by_those_that_touch(waves, beta):
    X, y, D = waves
    z = duals.optimal_residual(X, D, y, beta)
    angle = torch.linspace(0, 2 * torch.pi, 20001, dtype=torch.float64)
    everywhere = (X @ torch.stack([angle.cos(), angle.sin()])).relu()
    assert (everywhere.T @ z).abs().max() < beta * (1 + 1e-9)
    F = duals.touching(X, D, z, beta).outputs(X)
    assert torch.allclose(F.T @ z, torch.full((F.shape[1],), beta, dtype=z.dtype), atol=1e-11)
    alpha = duals.cheapest(F, y - z, np.ones(F.shape[1]))
    assert torch.allclose(F @ alpha, y - z, atol=1e-9)
    V, W = convex.convex_program(X, y, D, beta)
    assert torch.allclose(convex.gated_sum(X, D, V - W), y - z, atol=1e-4)


@pytest.mark.parametrize("scale", [0.0, 1e-3])
def test_small_targets_need_no_neuron(waves, scale):
    X, y, D = waves
    z = duals.optimal_residual(X, D, scale * y, 0.3)
    assert torch.equal(z, scale * y)
    found, alpha, unique = optima.optimum(X, D, scale * y, 0.3, np.random.default_rng(0))
    assert len(found.u) == len(alpha) == 0 and unique


def test_repeated_samples_change_nothing_but_their_share(waves):
    X, y, _ = waves
    twice = torch.cat([X, X[:3]]), torch.cat([y, y[:3]])
    D = convex.all_gates(twice[0])
    z = duals.optimal_residual(twice[0], D, twice[1], 0.05)
    assert torch.allclose(z[:3], z[9:], atol=1e-9)


def test_neurons_a_little_apart_are_two_and_one_on_a_sample_is_one():
    X = convex.with_bias(torch.tensor([[-1.0], [0.0], [1.0]], dtype=torch.float64))
    y = torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64)
    D = convex.all_gates(X)
    z = duals.optimal_residual(X, D, y, 0.01)
    found = duals.touching(X, D, z, 0.01)
    kinks = optima.kinks(found)
    on_sample = kinks.abs() < 1e-6
    assert on_sample.sum() == 2  # one that looks right, one that looks left
    signed = torch.cat([found.u, found.sign[:, None]], 1)
    assert torch.pdist(signed).min() > 1e-3


@pytest.mark.parametrize(("n", "m"), [(3, 9), (6, 40), (5, 4)])
def test_pruning_keeps_the_answers_and_never_lengthens(n, m):
    draw = seeded(m).torch
    F = torch.randn(n, m, dtype=torch.float64, generator=draw)
    alpha = torch.rand(m, dtype=torch.float64, generator=draw)
    stages = duals.prune(F, alpha)
    totals = torch.stack([stage.sum() for stage in stages])
    assert all(torch.allclose(F @ stage, F @ alpha, atol=1e-9) for stage in stages)
    assert (totals.diff() < 1e-12).all()
    assert (stages[-1] >= 0).all() and (stages[-1] > 0).sum() <= n


def test_pruning_of_nothing_and_of_zeros():
    F = torch.ones(3, 2, dtype=torch.float64)
    assert len(duals.prune(F, torch.zeros(2, dtype=torch.float64))) == 1
    same = duals.prune(F, torch.tensor([1.0, 2.0], dtype=torch.float64))[-1]
    assert same.sum() == 3 and (same > 0).sum() == 1


def test_no_sizes_fit_an_answer_outside_the_cone():
    F = torch.eye(2, dtype=torch.float64)
    with pytest.raises(ValueError, match="F alpha = f"):
        duals.cheapest(F, torch.tensor([1.0, -1.0], dtype=torch.float64), np.ones(2))


def test_the_hessian_is_autograds(waves):
    X, y, D = waves
    z = duals.optimal_residual(X, D, y, 0.3)
    found = duals.touching(X, D, z, 0.3)
    alpha = duals.cheapest(found.outputs(X), y - z, np.ones(len(found.u)))
    v = alpha[:, None] * found.u
    answers, H = duals.smooth_part(X, found, alpha, 0.3)

    def objective(v):
        r = answers @ v.flatten() - y
        return r @ r / 2 + 0.3 * v.norm(dim=1).sum()

    wanted = torch.func.hessian(objective)(v).reshape(H.shape)
    held = torch.linalg.pinv(answers) @ answers
    assert torch.allclose(held @ H @ held, held @ wanted @ held, atol=1e-8)


@pytest.mark.parametrize("beta", [0.4, 0.1])
def test_the_slope_is_a_difference_of_optima(waves, beta):
    errors = optima.slope_errors(*waves[:2], beta, seed=1)
    assert errors[0] < 1e-5 < errors[1]


def test_distance_of_networks_does_not_see_the_order_and_pays_for_new_neurons():
    one = torch.tensor([[1.0, 0.0], [0.0, 2.0]], dtype=torch.float64)
    assert optima.apart(one, one.flip(0)) == 0
    assert optima.apart(one, one[:1]) == 2
    assert optima.apart(one[:0], one) == pytest.approx(5**0.5)


def test_corners_of_a_square():
    F = torch.tensor([[1.0, 1, 0, 0], [0, 0, 1, 1]], dtype=torch.float64)
    corners = optima.tour(optima.vertices(F, torch.tensor([2.0, 3.0], dtype=torch.float64)))
    assert {tuple(row) for row in corners.tolist()} == {
        (a, 2.0 - a, b, 3.0 - b) for a in (0.0, 2.0) for b in (0.0, 3.0)
    }
    assert all((p - q).abs().max() <= 3 for p, q in zip(corners, corners.roll(1, 0), strict=True))


def test_a_neuron_that_cutting_planes_leave_out_is_found_by_newton():
    x = [-0.637340, 0.319596, 0.272817, -0.449242, 0.204732]
    x += [-0.806829, 0.901996, -0.442749, -0.120632, -0.350947]
    y = [-0.376846, 1.062117, 0.830267, -0.628167, 1.492545]
    y += [0.031584, -0.942196, -0.785862, -0.487541, -1.265288]
    X = convex.with_bias(torch.tensor(x, dtype=torch.float64)[:, None])
    y, beta = torch.tensor(y, dtype=torch.float64), 0.0021526
    D = convex.all_gates(X)
    z = duals.optimal_residual(X, D, y, beta)
    assert duals.cone_projections(X, D, z).norm(dim=2).max() < beta * (1 + 1e-10)
    F = duals.touching(X, D, z, beta).outputs(X)
    alpha = duals.cheapest(F, y - z, np.ones(F.shape[1]))
    assert torch.allclose(F @ alpha, y - z, atol=1e-8)
