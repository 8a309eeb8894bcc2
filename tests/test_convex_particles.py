"""Moving step neurons: definitions of chapters/convex/particles.md against SciPy and sums."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.optimize import brentq, linear_sum_assignment, minimize
from scipy.stats import energy_distance, norm

from helpers import chapter, seeded

page = chapter("convex/particles")

NU = page.Teacher(
    torch.tensor([0.3, 0.5, 0.2], dtype=torch.float64),
    torch.tensor([0.7, 1.4, 2.3], dtype=torch.float64),
    0.25,
)


def uniform(*shape: int, stream: int = 1) -> torch.Tensor:
    return 3 * torch.rand(*shape, dtype=torch.float64, generator=seeded(stream).torch)


@pytest.mark.parametrize("s", [0.0, 0.3, 1.1])
@pytest.mark.parametrize("name", ["energy", "gaussian"])
def test_smeared_kernels_are_the_integrals_that_they_say(name, s):
    def plain(d: float) -> float:
        return -abs(d) if name == "energy" else math.exp(-(d**2) / (2 * 0.4**2))

    kernel = page.energy if name == "energy" else partial(page.gaussian, h=0.4)
    for d in (-1.3, -0.2, 0.05, 0.9):
        got = kernel(torch.tensor(d, dtype=torch.float64), s)
        wanted = plain(d)
        if s:
            pieces = sorted({-9.0, -d / s, 9.0})
            wanted = sum(
                quad(lambda z, d=d: plain(d + s * z) * norm.pdf(z), low, high, limit=200)[0]
                for low, high in zip(pieces[:-1], pieces[1:])
            )
        assert got.item() == pytest.approx(wanted, abs=1e-9)


def test_the_discrepancy_of_weighted_particles_is_scipys_energy_distance():
    v, w, p = uniform(6), uniform(4, stream=2), torch.rand(6, generator=seeded(3).torch).double()
    p = p / p.sum()
    few = page.Teacher(torch.full_like(w, 0.25), w, 0.0)
    wanted = energy_distance(v, w, u_weights=p) ** 2
    assert page.discrepancy(page.energy, v, few, p).item() == pytest.approx(wanted, abs=1e-12)
    equal = energy_distance(v, w) ** 2
    assert page.discrepancy(page.energy, v, few).item() == pytest.approx(equal, abs=1e-12)


def test_the_energy_distance_is_twice_the_integral_of_squared_differences():
    v = uniform(5)
    grid = torch.linspace(-2, 6, 400_001, dtype=torch.float64)
    stairs = (v[:, None] <= grid).double().mean(0)
    wanted = 2 * torch.trapezoid((stairs - page.distribution(grid, NU)).square(), grid)
    assert page.discrepancy(page.energy, v, NU).item() == pytest.approx(wanted.item(), abs=1e-5)


def test_the_teachers_density_distribution_and_quantiles_are_scipys():
    u = torch.tensor([0.02, 0.31, 0.5, 0.97], dtype=torch.float64)
    q, m = NU.q.numpy(), NU.m.numpy()
    wanted = [brentq(lambda v, u=u: q @ norm.cdf(v, m, NU.s) - u, -2, 6) for u in u.tolist()]
    got = page.quantiles(u, NU)
    assert np.allclose(got, wanted, atol=1e-9)
    assert np.allclose(page.distribution(got, NU), u, atol=1e-12)
    assert np.allclose(page.density(got, NU), [q @ norm.pdf(v, m, NU.s) for v in wanted])
    assert page.levels(4).tolist() == [0.125, 0.375, 0.625, 0.875]


def test_descent_is_plain_gradient_descent_with_a_factor_n_and_keeps_the_path():
    theta = uniform(2, 5)
    path = page.particle_descent(lambda v: v.square().sum(-1), theta, 0.01, 3)
    assert path.shape == (4, 2, 5)
    for k in range(4):
        assert torch.allclose(path[k], theta * (1 - 0.01 * 5 * 2) ** k)


def test_the_sorted_force_is_the_gradient_for_particles_in_any_order():
    theta = uniform(3, 9)[:, torch.randperm(9, generator=seeded(4).torch)]
    loss = partial(page.discrepancy, page.energy, nu=NU)
    slow = page.particle_descent(loss, theta, 0.02, 4)[-1]
    assert torch.allclose(page.quantile_descent(theta, NU, 4, eta=0.02), slow, atol=1e-12)


def test_no_other_places_of_five_neurons_are_better_than_quantiles():
    best = page.discrepancy(page.energy, page.quantiles(page.levels(5), NU), NU).item()

    def loss(theta: np.ndarray) -> float:
        return page.discrepancy(page.energy, torch.tensor(theta), NU).item()

    found = [minimize(loss, start, method="Nelder-Mead").fun for start in uniform(3, 5).numpy()]
    assert best <= min(found) + 1e-9 and min(found) == pytest.approx(best, abs=1e-3)


def test_the_best_weights_are_those_of_a_bounded_least_squares_problem():
    theta = uniform(4).sort().values

    def loss(p: np.ndarray) -> float:
        return page.discrepancy(page.energy, theta, NU, torch.tensor(p)).item()

    rules = {"type": "eq", "fun": lambda p: p.sum() - 1}
    found = minimize(loss, np.full(4, 0.25), bounds=[(0, 1)] * 4, constraints=rules, tol=1e-14)
    got = page.best_weights(theta, NU)
    assert got.sum().item() == pytest.approx(1) and got.min() >= 0
    assert loss(got.numpy()) == pytest.approx(found.fun, abs=1e-9)
    assert np.allclose(got, found.x, atol=1e-3)


def test_a_displacement_moves_along_the_cheapest_pairing():
    v, w = uniform(7), uniform(7, stream=5)
    rows, columns = linear_sum_assignment((v[:, None] - w).square())
    for t in (0.0, 0.3, 1.0):
        wanted = np.sort((1 - t) * v.numpy()[rows] + t * w.numpy()[columns])
        assert np.allclose(page.displaced(v, w, t), wanted)


def test_both_lines_begin_and_end_at_the_same_losses_and_one_is_a_parabola():
    v, w = uniform(6), uniform(6, stream=6)
    few = page.Teacher(torch.full_like(w, 1 / 6), w, 0.0)
    times = [0.0, 0.25, 0.5, 1.0]
    mixed, moved = page.along(page.energy, v, w, times, few)
    assert np.allclose(mixed, mixed[0] * (1 - np.array(times)) ** 2, atol=1e-12)
    assert np.allclose(moved[[0, -1]], mixed[[0, -1]], atol=1e-12)
    half = energy_distance((v.sort().values + w.sort().values) / 2, w) ** 2
    assert moved[2] == pytest.approx(half, abs=1e-12)


def test_a_smoothed_density_has_mass_one():
    grid = torch.linspace(-2, 5, 4001, dtype=torch.float64)
    mass = torch.trapezoid(page.smoothed(grid, uniform(5)), grid)
    assert mass.item() == pytest.approx(1, abs=1e-6)


def test_the_networks_count_the_neurons_that_see_the_light():
    alpha = torch.tensor([0.1, 1.7, 3.0, 4.4, 6.2], dtype=torch.float64)
    theta, p = uniform(9), torch.arange(9, dtype=torch.float64) / 36
    turn = np.abs((alpha.numpy()[:, None] - theta.numpy() + math.pi) % (2 * math.pi) - math.pi)
    seen = turn < math.pi / 2
    assert np.allclose(page.step_network(alpha, theta), seen.mean(1))
    assert np.allclose(page.step_network(alpha, theta, p), seen @ p.numpy())
    many = page.quantiles(page.levels(20_000), NU)
    gap = page.step_network(alpha, many) - page.teacher_network(alpha, NU)
    assert gap.abs().max() < 1e-3


def test_the_full_circles_loss_is_the_integrated_squared_error():
    theta, target = 2 * uniform(2, 4), 2 * uniform(6, stream=7)
    alpha = (torch.arange(200_000, dtype=torch.float64) + 0.5) * 2 * math.pi / 200_000
    wanted = [
        (page.step_network(alpha, v) - page.step_network(alpha, target)).square().mean()
        for v in theta
    ]
    got = page.arc_loss(theta, target) / (2 * math.pi)
    assert np.allclose(got, wanted, atol=1e-4)


def test_drawn_neurons_have_the_teachers_distribution():
    drawn = page.draw(NU, 40, 500, seeded(8).torch)
    assert drawn.shape == (40, 500) and (drawn.diff(dim=-1) >= 0).all()
    u = page.distribution(drawn, NU).flatten().sort().values
    steps = torch.arange(len(u), dtype=torch.float64) / len(u)
    assert (u - steps).abs().max() < 1.63 / math.sqrt(len(u))


@pytest.mark.parametrize("device", ["meta", "cuda"])
def test_definitions_work_where_their_inputs_live(device):
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    nu = page.Teacher(NU.q.float().to(device), NU.m.float().to(device), NU.s)
    theta = uniform(2, 5).float().to(device)
    loss = partial(page.discrepancy, page.energy, nu=nu)
    outcomes = [
        loss(theta),
        page.particle_descent(loss, theta, 0.1, 2),
        page.quantile_descent(theta, nu, 2),
        page.quantiles(theta / 4 + 0.1, nu),
        page.density(theta, nu),
        page.best_weights(theta, nu),
        page.displaced(theta, theta, 0.3),
        page.step_network(theta[0], theta[1]),
        page.teacher_network(theta[0], nu),
        page.arc_loss(theta, theta[0]),
        page.smoothed(theta[0], theta[1]),
    ]
    if device == "cuda":
        outcomes += [page.draw(nu, 2, 5, seeded(9).torch)]
    assert {part.device.type for part in outcomes} == {device}
    assert {part.dtype for part in outcomes} == {torch.float32}
