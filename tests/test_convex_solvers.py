"""The page on solvers: rate, cost and scale of the splitting, against counts by hand."""

import math

import pytest
import torch

from helpers import chapter, seeded

convex, solvers = chapter("convex"), chapter("convex/solvers")

BETA = 0.1


@pytest.fixture(scope="module")
def drawn():
    """40 points in the plane, 50 drawn patterns, and the interior point's objective."""
    rng = seeded(701)
    X, y = convex.waves(40, 2, rng.torch)
    D = convex.sample_gates(X, 50, rng.torch)
    return X, y, D, convex.objective(X, y, D, *convex.convex_program(X, y, D, BETA), BETA)


def test_the_relative_gap_does_not_depend_on_the_scale_of_the_targets(drawn):
    X, y, D, best = drawn
    gaps = []
    for unit in (1.0, 100.0, 1000.0):
        v = solvers.run_admm(X, unit * y, D, unit * BETA, 3000)
        gaps.append(convex.objective(X, unit * y, D, *v, unit * BETA) / (unit**2 * best) - 1)
    assert abs(gaps[0]) < 1e-2
    assert gaps[1] == pytest.approx(gaps[0], abs=1e-7)
    assert gaps[2] == pytest.approx(gaps[0], abs=1e-7)


def test_a_digit_costs_the_same_at_a_linear_rate_and_ten_times_more_at_one_over_k():
    k = torch.arange(1, 200_001, dtype=torch.float64)
    assert solvers.price_of_a_digit(0.99**k, 6) == pytest.approx(1, abs=0.01)
    assert solvers.price_of_a_digit(1 / k, 5) == pytest.approx(10, abs=0.1)
    assert solvers.price_of_a_digit(1 / k, 4) == pytest.approx(10, abs=0.1)
    assert solvers.price_of_a_digit(1 / k**2, 6) == pytest.approx(math.sqrt(10), abs=0.1)
    assert solvers.price_of_a_digit(1 / k, 6) == math.inf


@pytest.mark.parametrize("anchored", [False, True])
def test_step_lengths_are_those_of_the_running_sums(drawn, anchored):
    X, y, D, _ = drawn
    solver, sums = solvers.ADMM(X, y, D, BETA), []
    got = solvers.step_lengths(solvers.ADMM(X, y, D, BETA), 1e-9, most=12, anchored=anchored)
    for k in range(12):
        before = torch.cat([solver.q.flatten(), solver.t.flatten()])
        solver.step()
        after = torch.cat([solver.q.flatten(), solver.t.flatten()])
        sums.append((after - before).norm())
        if anchored:
            solver.q = solver.q * (k + 1) / (k + 2)
            solver.t = solver.t * (k + 1) / (k + 2)
    assert got[0] == 1 and torch.allclose(got, torch.stack(sums) / sums[0])


def test_step_lengths_stop_below_the_asked_level(drawn):
    X, y, D, _ = drawn
    got = solvers.step_lengths(solvers.ADMM(X, y, D, BETA), 0.05, most=2000)
    assert got[-1] < 0.05 <= got[:-1].min()


@pytest.mark.parametrize(("n", "d", "P"), [(40, 3, 50), (25, 6, 10), (7, 2, 3)])
def test_an_iteration_costs_what_its_products_cost(n, d, P):
    X = torch.randn(n, d, dtype=torch.float64, generator=seeded(702).torch)
    D = torch.randn(P, n, generator=seeded(703).torch) > 0
    pulled = product(2 * P, n, d)
    solved = 2 * product(2 * P, d, d) + product(P, d, n) + product(P, n, d)
    wanted = pulled + solved + product(2 * P, d, n) + 2 * n**2
    assert solvers.operations(solvers.ADMM(X, X[:, 0], D, BETA)) == wanted


def product(a: int, b: int, c: int) -> int:
    """Multiplications and additions of an (a, b) by (b, c) product."""
    return 2 * a * b * c
