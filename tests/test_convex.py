"""The convex chapter's definitions against linear programs, dense algebra, CVXPY and SciPy."""

import itertools
import math

import cvxpy as cp
import numpy as np
import pytest
import torch
from scipy.optimize import linprog, minimize

from helpers import chapter, seeded

convex, solvers = chapter("convex"), chapter("convex/solvers")
relaxations = chapter("convex/relaxations")

SIZES = [(6, 2), (8, 2), (8, 3), (10, 3), (7, 4)]
BETA = 0.1


def gaussian(n: int, d: int, stream: int) -> torch.Tensor:
    return torch.randn(n, d, dtype=torch.float64, generator=seeded(stream).torch)


def separable(X: np.ndarray, gate: tuple[bool, ...]) -> bool:
    """Whether some u has x.u >= 1 on the gate and x.u <= -1 elsewhere: a linear program."""
    sides = np.where(np.array(gate)[:, None], X, -X)
    found = linprog(np.zeros(X.shape[1]), -sides, -np.ones(len(X)), bounds=(None, None))
    return found.status == 0


@pytest.fixture(scope="module")
def problem():
    """60 samples, 4 features, some 40 patterns, and the solver's answer."""
    rng = seeded(1)
    X, y = convex.waves(60, 3, rng.torch)
    D = convex.sample_gates(X, 40, rng.torch)
    return X, y, D, convex.convex_program(X, y, D, BETA)


@pytest.mark.parametrize(("n", "d"), SIZES)
@pytest.mark.parametrize("bias", [False, True])
def test_all_patterns_are_those_that_linear_programs_find(n, d, bias):
    X = gaussian(n, d, n + d)
    if bias:
        X[:, -1] = 1
    gates = {tuple(g) for g in convex.all_gates(X).tolist()}
    feasible = {g for g in itertools.product([False, True], repeat=n) if separable(X.numpy(), g)}
    assert gates == feasible
    assert len(gates) == convex.pattern_count(n, d)


def test_forty_points_have_as_many_patterns_as_the_formula_says_and_sampling_misses_thin_cones():
    X = gaussian(40, 3, 2)
    everything = {tuple(g) for g in convex.all_gates(X).tolist()}
    drawn = {tuple(g) for g in convex.sample_gates(X, 20_000, seeded(3).torch).tolist()}
    assert len(everything) == convex.pattern_count(40, 3) == 1562
    assert drawn < everything


def test_sampled_patterns_come_in_the_order_of_the_draws():
    X, rng = gaussian(9, 2, 4), seeded(5)
    gates = convex.sample_gates(X, 50, rng.torch)
    U = torch.randn(50, 2, dtype=torch.float64, generator=seeded(5).torch)
    order = list(dict.fromkeys(tuple(g) for g in (U @ X.T > 0).tolist()))
    assert [tuple(g) for g in gates.tolist()] == order


def test_admm_reaches_the_interior_points_objective_inside_the_cones(problem):
    X, y, D, solution = problem
    best = convex.objective(X, y, D, *solution, BETA)
    v = solvers.run_admm(X, y, D, BETA, 8000)
    assert convex.objective(X, y, D, *v, BETA) == pytest.approx(best, rel=1e-4)
    assert convex.cone_violation(X, D, v) < 1e-4


def test_admms_linear_step_is_that_of_the_dense_matrix(problem):
    X, y, D, _ = problem
    solver = solvers.ADMM(X, y, D, BETA)
    P, d = len(D), X.shape[1]
    E = 2 * D.double() - 1
    F = torch.cat([D.double()[:, :, None] * X, -D.double()[:, :, None] * X]).transpose(0, 1)
    F = F.reshape(len(X), -1)
    G = torch.block_diag(*[(e[:, None] * X) for e in torch.cat([E, E])])
    r = torch.randn(2, P, d, dtype=torch.float64, generator=seeded(6).torch)
    A = torch.eye(2 * P * d, dtype=torch.float64) + G.T @ G + F.T @ F / solver.rho
    dense = torch.linalg.solve(A, r.flatten())
    assert torch.allclose(solver.solve(r).flatten(), dense, atol=1e-9)
    assert torch.allclose(solver.F(r), F @ r.flatten(), atol=1e-10)
    assert torch.allclose(solver.F_T(y).flatten(), F.T @ y, atol=1e-10)


def test_shrink_is_the_proximal_step_of_the_norm():
    q = gaussian(6, 3, 7)

    def cost(v: np.ndarray, row: np.ndarray) -> float:
        return 0.8 * np.linalg.norm(v) + ((v - row) ** 2).sum() / 2

    for row, got in zip(q.numpy(), solvers.shrink(q, 0.8).numpy()):
        assert cost(got, row) <= minimize(cost, row / 2, row, method="Nelder-Mead").fun + 1e-9


def test_the_network_mapped_back_has_the_convex_objective(problem):
    X, y, D, (V, W) = problem
    best = convex.objective(X, y, D, V, W, BETA)
    u, a = convex.to_network(V, W)
    assert convex.network_loss(X, y, u, a, BETA).item() == pytest.approx(best, rel=1e-5)
    assert torch.allclose(convex.network(X, u, a), convex.gated_sum(X, D, V - W), atol=1e-4)
    assert torch.allclose(u.norm(dim=1), a.abs())


def test_steepest_is_the_largest_correlation_in_each_cone(problem):
    X, y, D, _ = problem
    got = convex.steepest(X, D[:5], y)
    for i, gate in enumerate(D[:5].double()):
        u = cp.Variable(X.shape[1])
        rules = [cp.norm(u) <= 1, cp.multiply(2 * gate.numpy() - 1, X.numpy() @ u) >= 0]
        q = X.numpy().T @ (gate * y).numpy()
        for side, value in zip((q, -q), got[:, i]):
            best = cp.Problem(cp.Maximize(side @ u), rules).solve(solver=cp.CLARABEL)
            assert value.item() == pytest.approx(best, abs=1e-6)


def test_the_certificate_closes_the_gap_and_holds_for_any_network():
    rng = seeded(8)
    x, y = convex.random_heights(9, rng.torch)
    X = convex.with_bias(x)
    D = convex.all_gates(X)
    V, W = convex.convex_program(X, y, D, BETA)
    best = convex.objective(X, y, D, V, W, BETA)
    bound = convex.lower_bound(X, y, D, BETA, y - convex.gated_sum(X, D, V - W))
    assert best * (1 - 1e-6) < bound <= best * (1 + 1e-8)
    u = torch.randn(2000, 7, 2, dtype=torch.float64, generator=rng.torch)
    a = torch.randn(2000, 7, dtype=torch.float64, generator=rng.torch)
    assert convex.network_loss(X, y, u, a, BETA).min() > bound
    for guess in (y, torch.randn(9, dtype=torch.float64, generator=rng.torch)):
        assert convex.lower_bound(X, y, D, BETA, guess) <= bound + 1e-8


def test_the_full_program_is_the_best_of_many_adam_runs():
    rng = seeded(9)
    X = gaussian(8, 2, 10)
    y = torch.randn(8, dtype=torch.float64, generator=rng.torch)
    D = convex.all_gates(X)
    best = convex.objective(X, y, D, *convex.convex_program(X, y, D, BETA), BETA)
    nets = convex.train_networks(X, y, BETA, 8, 64, rng.torch, steps=4000)
    losses = convex.network_loss(X, y, *nets, BETA)
    assert best * (1 - 1e-6) <= losses.min() <= best * (1 + 1e-3)


def test_the_gated_optimum_lies_below(problem):
    X, y, D, solution = problem
    gated = convex.convex_program(X, y, D, BETA, cones=False)
    assert convex.objective(X, y, D, *gated, BETA) < convex.objective(X, y, D, *solution, BETA)


def test_fixed_directions_are_a_restriction_of_their_patterns(problem):
    X, y, _, _ = problem
    U = torch.randn(30, 4, dtype=torch.float64, generator=seeded(11).torch)
    U = U / U.norm(dim=1, keepdim=True)
    D = (U @ X.T > 0).unique(dim=0)
    best = convex.objective(X, y, D, *convex.convex_program(X, y, D, BETA), BETA)
    assert relaxations.sampled_program(X, y, U, BETA) >= best * (1 - 1e-7)


GRID = [[a, b, 1.0] for a in range(3) for b in range(3)]
DEGENERATE = {
    "a grid": GRID,
    "points on a line": [[k, 2.0 * k, 1.0] for k in range(5)],
    "repeated points": [[0.3, 1.0], [0.3, 1.0], [-0.7, 1.0], [0.6, 2.0]],
    "a point of the plane twice": [[0.3, 0.1, 1], [0.3, 0.1, 1], [-0.7, 0.5, 1], [0.6, -0.9, 1]],
    "opposite points": [[1.0, 0.5], [-1.0, -0.5], [0.2, 1.0], [-2.0, -1.0]],
    "a constant column twice": [[0.1, 1.0, 1.0], [0.5, 1.0, 1.0], [-0.4, 1.0, 1.0]],
    "fewer points than features": [[1.0, 0.0, 2.0, 1.0], [0.0, 1.0, 1.0, -1.0]],
    "one feature": [[1.0], [-2.0], [3.0]],
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_points_have_the_patterns_that_linear_programs_find(name):
    X = torch.tensor(DEGENERATE[name], dtype=torch.float64)
    gates = {tuple(g) for g in convex.all_gates(X).tolist()}
    every = itertools.product([False, True], repeat=len(X))
    assert gates == {g for g in every if separable(X.numpy(), g)}


def test_a_sample_of_zeros_is_never_let_through_and_float32_counts_alike():
    X = torch.tensor([*GRID, [0.0, 0.0, 0.0]], dtype=torch.float64)
    gates = convex.all_gates(X)
    assert len(gates) == len(convex.all_gates(X[:9])) == len(convex.all_gates(X.float())) == 58
    assert not gates[:, 9].any()
    assert convex.all_gates(torch.zeros(3, 2)).tolist() == [[False] * 3]


@pytest.mark.parametrize("X", [torch.tensor([[1.0, math.nan]]), torch.zeros(0, 2)])
def test_all_gates_names_what_is_wrong_with_the_points(X):
    with pytest.raises(ValueError, match="X needs at least one row and finite"):
        convex.all_gates(X)


def test_every_guess_gives_a_bound_below_the_optimum():
    rng, beta = seeded(12), 0.01
    x, y = convex.random_heights(10, rng.torch)
    X = convex.with_bias(x)
    D = convex.all_gates(X)
    best = convex.objective(X, y, D, *convex.convex_program(X, y, D, beta), beta)
    guesses = torch.randn(200, 10, dtype=torch.float64, generator=rng.torch)
    bounds = [convex.lower_bound(X, y, D, beta, guess) for guess in (-y, y, *guesses)]
    assert min(bounds) >= 0 and max(bounds) <= best
    assert bounds[0] == pytest.approx(bounds[1])
    assert convex.lower_bound(X, y, D, beta, torch.zeros_like(y)) == 0
    assert convex.lower_bound(X, torch.zeros_like(y), D, beta, torch.zeros_like(y)) == 0


def test_admm_does_not_depend_on_the_unit_of_the_targets(problem):
    X, y, D, _ = problem
    small = solvers.run_admm(X, y, D, BETA, 300)
    for unit in (1e-3, 100.0, 1000.0):
        large = solvers.run_admm(X, unit * y, D, unit * BETA, 300)
        assert torch.allclose(large / unit, small, atol=1e-8)


def test_admm_takes_zero_targets_and_zero_decay_with_a_penalty(problem):
    X, y, D, _ = problem
    assert solvers.run_admm(X, 0 * y, D, BETA, 20).abs().max() == 0
    solver = solvers.ADMM(X, y, D, 0.0, rho=0.2)
    for _ in range(2000):
        v = solver.step()
    least = convex.objective(X, y, D, *convex.convex_program(X, y, D, 0.0), 0.0)
    assert convex.objective(X, y, D, *v, 0.0) == pytest.approx(least, abs=2e-2)


@pytest.mark.parametrize(
    ("beta", "rho", "named"), [(0.0, None, "beta"), (-1.0, 1.0, "beta"), (0.1, 0.0, "rho")]
)
def test_admm_names_a_parameter_out_of_range(problem, beta, rho, named):
    X, y, D, _ = problem
    with pytest.raises(ValueError, match=f"{named}=.* positive"):
        solvers.ADMM(X, y, D, beta, rho=rho)


def test_admms_steps_are_those_of_the_formula_with_dense_matrices(problem):
    X, y, D = problem[0][:12], problem[1][:12], problem[2][:3, :12]
    solver = solvers.ADMM(X, y, D, BETA, rho=0.3, relax=1.6)
    gated = D.double()[:, :, None] * X
    F = torch.cat([gated, -gated]).transpose(0, 1).reshape(len(X), -1)
    E = 2 * D.double() - 1
    G = torch.block_diag(*[e[:, None] * X for e in torch.cat([E, E])])
    A = torch.eye(F.shape[1], dtype=torch.float64) + G.T @ G + F.T @ F / 0.3
    q, t = torch.zeros(F.shape[1]).double(), torch.zeros(len(G)).double()
    for _ in range(5):
        blocks = q.reshape(-1, X.shape[1])
        size = blocks.norm(dim=1, keepdim=True).clamp(min=1e-12)
        v, s = ((1 - BETA / 0.3 / size).clamp(min=0) * blocks).flatten(), t.clamp(min=0)
        assert torch.allclose(solver.step().flatten(), v, atol=1e-10)
        u = torch.linalg.solve(A, F.T @ y / 0.3 + 2 * v - q + G.T @ (2 * s - t))
        q, t = q + 1.6 * (u - v), t + 1.6 * (G @ u - s)


def test_the_violation_is_the_largest_entry_and_nan_is_seen():
    X = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    D = torch.tensor([[True, True]])
    inside, outside = torch.tensor([[1.0, 2.0]]), torch.tensor([[-0.25, -3.0]])
    assert convex.cone_violation(X, D, inside) == 0
    assert convex.cone_violation(X, D, inside, outside) == 3
    assert math.isnan(convex.cone_violation(X, D, inside, inside * math.nan))


def test_a_network_of_zero_blocks_is_empty_and_nan_is_refused():
    X, zero = gaussian(5, 2, 13), torch.zeros(4, 2, dtype=torch.float64)
    u, a = convex.to_network(zero, zero)
    assert (u.shape, a.shape) == ((0, 2), (0,))
    assert convex.network(X, u, a).tolist() == [0.0] * 5
    with pytest.raises(ValueError, match="V and W must be finite"):
        convex.to_network(zero, zero * math.nan)


def test_the_solver_keeps_the_precision_and_names_bad_input():
    X, y = gaussian(6, 2, 14), gaussian(6, 1, 15)[:, 0]
    D = convex.all_gates(X)
    V, W = convex.convex_program(X.float(), y.float(), D, BETA)
    assert V.dtype == W.dtype == convex.steepest(X.float(), D, y.float()).dtype == torch.float32
    best = convex.objective(X, y, D, *convex.convex_program(X, y, D, BETA), BETA)
    assert convex.objective(X.float(), y.float(), D, V, W, BETA) == pytest.approx(best, rel=1e-4)
    for bad in ((X, y, D, -1.0), (X, y * math.nan, D, BETA), (X, y, D[:0], BETA)):
        with pytest.raises(ValueError, match="beta=.*D with a gate, finite X and y"):
            convex.convex_program(*bad)


def test_shrinking_by_nothing_changes_nothing_not_even_zero():
    q = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    assert solvers.shrink(q, 0.0).tolist() == q.tolist()
    assert solvers.shrink(q, 6.0).abs().max() == 0


def test_a_gated_optimum_decomposes_into_its_cones():
    rng, beta = seeded(16), 0.01
    x, y = convex.random_heights(8, rng.torch)
    X = convex.with_bias(x)
    D = convex.all_gates(X)
    gated, zero = convex.convex_program(X, y, D, beta, cones=False)
    V, W = relaxations.split_cones(X, D, gated)
    assert torch.allclose(V - W, gated, atol=1e-6)
    assert convex.cone_violation(X, D, V, W) < 1e-6
    solution = convex.convex_program(X, y, D, beta)
    low, best, high = (
        convex.objective(X, y, D, *pair, beta) for pair in ((gated, zero), solution, (V, W))
    )
    assert low < best * (1 - 1e-3) and best * (1 - 1e-7) <= high < 3 * best


def test_a_decomposition_is_the_shortest_one():
    X = gaussian(2, 2, 23)
    edges = torch.linalg.inv(X).T
    D = torch.tensor([[True, True]])
    V, W = relaxations.split_cones(X, D, edges[:1] - edges[1:])
    assert torch.allclose(torch.cat([V, W]), edges, atol=1e-6)


def test_a_cone_without_interior_is_named():
    X = torch.tensor([[1.0, 0.0], [-1.0, 0.0]], dtype=torch.float64)
    with pytest.raises(ValueError, match="split_cones: infeasible.*open cone"):
        relaxations.split_cones(
            X, torch.tensor([[True, True]]), torch.ones(1, 2, dtype=torch.float64)
        )


def test_networks_take_all_their_steps_of_adam_at_the_falling_step_size():
    X, y, steps, lr = gaussian(8, 2, 24), gaussian(8, 1, 25)[:, 0], 40, 0.03
    u, a = convex.random_start(X, 5, 3, seeded(26).torch)
    adam = torch.optim.Adam([u.requires_grad_(), a.requires_grad_()])
    for k in range(steps):
        adam.param_groups[0]["lr"] = lr * (1 + math.cos(math.pi * k / steps)) / 2
        adam.zero_grad()
        fit = ((torch.relu(X @ u.mT) * a[:, None]).sum(-1) - y).square().sum() / 2
        (fit + BETA / 2 * (u.square().sum() + a.square().sum())).backward()
        adam.step()
    got = convex.train_networks(X, y, BETA, 5, 3, seeded(26).torch, steps, lr)
    assert torch.allclose(got[0], u, atol=1e-9) and torch.allclose(got[1], a, atol=1e-9)


@pytest.mark.parametrize("cones", [True, False])
def test_a_new_draw_lowers_the_optimum_of_one_draw_often_and_that_of_many_hardly(cones):
    X, y = gaussian(6, 2, 19), gaussian(6, 1, 20)[:, 0]
    shares = [relaxations.still_lowers(X, y, 0.01, N, seeded(21).torch, cones) for N in (1, 1000)]
    assert shares[0] > 0.2 and shares[1] < 0.02


@pytest.mark.parametrize("device", ["meta", "cuda"])
def test_definitions_work_where_their_inputs_live(device):
    """Without, on "meta", those whose course depends on values: solvers, patterns, floats."""
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    rng = seeded(22)
    X, y = convex.waves(20, 2, rng.torch)
    D = convex.sample_gates(X, 6, rng.torch)
    X, y, D = X.float().to(device), y.float().to(device), D.to(device)
    solver = solvers.ADMM(X, y, D, BETA, rho=0.2)
    v = [solver.step() for _ in range(3)][-1]
    nets = convex.train_networks(X, y, BETA, 4, 2, rng.torch, steps=3)
    outcomes = [v, *nets, convex.network(X, *nets), convex.network_loss(X, y, *nets, BETA)]
    outcomes += [convex.gated_sum(X, D, v), solvers.shrink(v, 0.1), convex.with_bias(X)]
    if device == "cuda":
        V, W = convex.convex_program(X, y, D, BETA)
        z = y - convex.gated_sum(X, D, V - W)
        outcomes += [V, W, convex.steepest(X, D, z), *convex.to_network(V, W)]
        outcomes += [*relaxations.split_cones(X, convex.all_gates(X)[:3], V[:3])]
        outcomes += [
            relaxations.sampled_weights(X, y, X[:5], BETA),
            solvers.run_penalty(X, y, D, BETA, 3),
        ]
        outcomes += [torch.tensor(convex.cone_violation(X, D, V, W), device=device)]
        assert convex.sample_gates(X, 9, rng.torch).device.type == "cuda"
        assert convex.lower_bound(X, y, D, BETA, z) <= convex.objective(X, y, D, V, W, BETA) + 1e-3
    assert {part.device.type for part in outcomes} == {device}
    assert {part.dtype for part in outcomes} == {torch.float32}
