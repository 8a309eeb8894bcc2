"""The robust page's definitions against grids, brute force and CVXPY written out."""

import cvxpy as cp
import numpy as np
import pytest
import torch

from helpers import chapter, seeded

convex, robust = chapter("convex"), chapter("convex/robust")
EPS, BETA = 0.15, 3e-3


@pytest.fixture(scope="module")
def problem():
    rng = seeded(71)
    x, y = robust.groups(24, rng.torch)
    D = convex.sample_gates(convex.with_bias(x), 15, rng.torch)
    return x, y, D, robust.robust_program(x, y, D, EPS, BETA)


def random_networks(count: int, m: int = 9):
    rng = seeded(72)
    for _ in range(count):
        u = torch.randn(m, 3, dtype=torch.float64, generator=rng.torch)
        yield u, torch.randn(m, dtype=torch.float64, generator=rng.torch)


def by_hand(V, W, x, y, G, eps, beta):
    """Objective and violation of blocks V, W, in loops: numbers."""
    loss, worst = 0.0, 0.0
    for k in range(len(x)):
        A = sum(G[i, k] * (V[i] - W[i]) for i in range(len(V)))
        margin = y[k] * (A[:2] @ x[k] + A[2])
        loss += max(0, 1 - margin + eps * (abs(A[0]) + abs(A[1]))) / len(x)
        for U in (V, W):
            for i in range(len(V)):
                inside = (2 * G[i, k] - 1) * (U[i, :2] @ x[k] + U[i, 2])
                worst = max(worst, eps * np.abs(U[i, :2]).sum() - inside)
    return loss + beta * sum(np.sqrt((U**2).sum(1)).sum() for U in (V, W)), worst


def test_the_program_s_value_in_loops_and_its_gates_hold(problem):
    x, y, D, (V, W) = problem
    parts = V.numpy(), W.numpy(), x.numpy(), y.numpy(), D.numpy().astype(float)
    value, violation = by_hand(*parts, EPS, BETA)
    assert robust.program_value(x, y, D, V, W, EPS, BETA) == pytest.approx(value, abs=1e-10)
    assert violation < 1e-6


def test_the_program_finds_the_optimum_of_corners_written_out(problem):
    """The same program with each corner of each box as a constraint of its own."""
    x, y, D, blocks = problem
    G, n = D.numpy().astype(float), len(x)
    V, W = cp.Variable((len(G), 3)), cp.Variable((len(G), 3))
    worst, rules = cp.Variable(n), []
    for corner in ([1, 1], [1, -1], [-1, 1], [-1, -1]):
        X = np.c_[x.numpy() + EPS * np.array(corner), np.ones(n)]
        fit = cp.sum(cp.multiply(G.T @ (V - W), X), axis=1)
        rules += [worst <= cp.multiply(y.numpy(), fit)]
        rules += [cp.multiply(2 * G - 1, U @ X.T) >= 0 for U in (V, W)]
    size = cp.sum(cp.norm(V, 2, axis=1)) + cp.sum(cp.norm(W, 2, axis=1))
    cost = cp.sum(cp.pos(1 - worst)) / n + BETA * size
    wanted = cp.Problem(cp.Minimize(cost), rules).solve(solver=cp.CLARABEL)
    got = robust.program_value(x, y, D, *blocks, EPS, BETA)
    assert got == pytest.approx(wanted, abs=1e-5)


def test_the_arguments_of_experiments_change_what_they_say(problem):
    x, y, D, blocks = problem
    value = robust.program_value(x, y, D, *blocks, EPS, BETA)
    loose = robust.robust_program(x, y, D, EPS, BETA, valid=0.0)
    assert robust.program_value(x, y, D, *loose, EPS, BETA) < value - 1e-3
    sparse = robust.robust_program(x, y, D, 0.0, BETA, norm=1)
    plain = robust.robust_program(x, y, D, 0.0, BETA)

    def first_norm(blocks):
        loss = robust.program_value(x, y, D, *blocks, 0.0, 0.0)
        return loss + BETA * sum(U.abs().sum().item() for U in blocks)

    assert first_norm(sparse) < first_norm(plain) - 1e-4


def test_certified_margins_are_those_of_corners(problem):
    x, y, D, (V, W) = problem
    u, a = convex.to_network(V, W)
    corners = EPS * torch.tensor([[1, 1], [1, -1], [-1, 1], [-1, -1]]).double()
    f = robust.output((x[:, None] + corners).flatten(0, 1), u, a).view(len(x), 4)
    wanted = (y[:, None] * f).amin(1)
    torch.testing.assert_close(robust.certificate(x, y, D, V, W, EPS), wanted, atol=1e-5, rtol=0)


def test_the_exact_attacker_is_between_a_grid_and_the_grid_less_its_mesh():
    rng = seeded(73)
    x = torch.randn(7, 2, dtype=torch.float64, generator=rng.torch)
    y = torch.tensor([1.0, -1, 1, -1, 1, -1, 1]).double()
    for r in (0.3, 0.8):
        side = torch.linspace(-r, r, 121, dtype=torch.float64)
        grid = (x[:, None] + torch.cartesian_prod(side, side)).flatten(0, 1)
        for u, a in random_networks(6):
            tried = (y[:, None] * robust.output(grid, u, a).view(7, -1)).amin(1)
            exact = robust.exact_margin(x, y, r, u, a)
            steepest = (a[:, None] * u[:, :2]).abs().sum()
            assert (exact <= tried + 1e-9).all()
            assert (exact >= tried - steepest * r / 120 - 1e-9).all()


def test_an_attack_stays_in_its_box_lowers_margins_and_never_beats_the_exact_one():
    rng = seeded(74)
    x, y = robust.groups(20, rng.torch)
    for u, a in random_networks(4):
        delta = robust.pgd_attack(x, y, 0.3, u, a, 20, rng.torch)
        assert delta.abs().max() <= 0.3 + 1e-12
        attacked = y * robust.output(x + delta, u, a)
        random = 0.3 * (2 * torch.rand(x.shape, dtype=x.dtype, generator=rng.torch) - 1)
        assert attacked.mean() < (y * robust.output(x + random, u, a)).mean()
        exact = robust.exact_margin(x, y, 0.3, u, a)
        assert (attacked >= exact - 1e-9).all()
        assert (attacked - exact).median() < 0.05


def test_adversarial_training_lowers_its_own_objective_for_each_network():
    rng = seeded(75)
    x, y = robust.groups(24, rng.torch)
    both = torch.stack([x, x])
    radii, decays = torch.tensor([0.05, 0.2]).double(), torch.tensor([1e-3, 1e-2]).double()
    values = []
    for steps in (1, 200):
        u, a = robust.adversarial_training(both, y, radii, decays, 12, seeded(76).torch, steps)
        values.append(
            [
                robust.adversarial_value(x, y, r, u[i], a[i], b)
                for i, (r, b) in enumerate(((0.05, 1e-3), (0.2, 1e-2)))
            ]
        )
    assert (np.array(values[1]) < 0.7 * np.array(values[0])).all()


def test_adversarial_value_of_an_affine_network():
    u, a = torch.tensor([[2.0, -1.0, 0.5], [-2.0, 1.0, -0.5]]).double(), torch.tensor([1.0, -1.0])
    x, y = torch.tensor([[0.3, 0.1], [-0.4, 0.2]]).double(), torch.tensor([1.0, -1.0]).double()
    # f = 2 x_1 - x_2 + 0.5: margins 1.0 and 0.5, less 0.1 * 3; hinges 0.3 and 0.8
    wanted = (0.3 + 0.8) / 2 + 0.04 / 2 * (2 * 5.25 + 2)
    got = robust.adversarial_value(x, y, 0.1, u, a.double(), 0.04)
    assert got == pytest.approx(wanted)
    assert robust.robust_accuracy(x, y, 0.2, u, a.double()) == 0.5


def test_groups_swap_roles_between_halves():
    x, y = robust.groups(4000, seeded(77).torch)
    right, plus = x[:, 0] > 0, y > 0
    for side, label, wanted in (
        (right, plus, (0.4, 0.26)),
        (right, ~plus, (0.6, -0.26)),
        (~right, plus, (-0.4, -0.26)),
        (~right, ~plus, (-0.6, 0.26)),
    ):
        cluster = x[side & label]
        assert len(cluster) == 1000
        assert cluster.mean(0).tolist() == pytest.approx(wanted, abs=0.005)
        assert cluster.std(0).tolist() == pytest.approx((0.02, 0.03), rel=0.1)
