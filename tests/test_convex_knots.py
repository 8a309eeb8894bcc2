"""Noisy ReLU neurons: definitions of chapters/convex/knots.md against sums, autograd and SciPy."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.optimize import minimize

from helpers import chapter, seeded

page = chapter("convex/knots")

LAM = 0.05


def problem(M: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    rng = seeded(1).torch
    x = torch.linspace(-1.3, 1.4, M, dtype=torch.float64)
    y = torch.randn(M, dtype=torch.float64, generator=rng)
    return page.convex.with_bias(x[:, None]), y


def price(phi: float, X: torch.Tensor, z: np.ndarray) -> float:
    active = X[:, 0].numpy() * math.cos(phi) + math.sin(phi)
    return np.maximum(active, 0) @ z / LAM


def integral(f, X: torch.Tensor) -> float:
    """Of a function of the angle, piece by piece between its kinks."""
    at = np.arctan(-X[:, 0].numpy())
    cuts = np.sort(np.concatenate([[-math.pi / 2, 3 * math.pi / 2], at, at + math.pi]))
    return sum(quad(f, low, high, limit=200)[0] for low, high in zip(cuts[:-1], cuts[1:]))


def value(z: np.ndarray, X: torch.Tensor, y: torch.Tensor, T: float) -> float:
    Z = integral(lambda phi: 1 / (1 - price(phi, X, z) ** 2), X)
    return y.numpy() @ z - len(y) / 2 * z @ z - T * math.log(Z)


def test_the_output_is_the_average_of_clipped_neurons():
    X, _ = problem()
    u = 90 * torch.randn(2, 5, 2, dtype=torch.float64, generator=seeded(2).torch)
    a = torch.randn(2, 5, dtype=torch.float64, generator=seeded(3).torch)
    wanted = [
        [sum(ai * min(max(row @ ui, 0), 100) for ui, ai in zip(*net)) / 5 for row in X.numpy()]
        for net in zip(u.numpy(), a.numpy())
    ]
    assert np.allclose(page.mean_output(X, u, a), wanted)


@pytest.mark.parametrize("T", [0.0, 0.02])
def test_noisy_steps_are_those_of_autograd_and_of_the_same_noise(T):
    X, y = problem()
    u = torch.randn(2, 6, 2, dtype=torch.float64, generator=seeded(4).torch)
    a = torch.randn(2, 6, dtype=torch.float64, generator=seeded(5).torch)
    got = page.noisy_descent(u, a, X, y, LAM, T, seeded(6).torch, steps=3, eta=0.1)
    rng = seeded(6).torch
    for _ in range(3):
        u, a = u.detach().requires_grad_(), a.detach().requires_grad_()
        fit = (torch.relu(u @ X.T) * a[..., None]).mean(-2)
        loss = ((fit - y) ** 2).sum(-1) / (2 * len(y))
        loss = loss + LAM / 12 * ((a**2).sum(-1) + (u**2).sum((-2, -1)))
        loss.sum().backward()
        kick = math.sqrt(2 * 0.1 * T)
        noise = [torch.randn(v.shape, generator=rng) for v in (a, u)] if T else [0 * a, 0 * u]
        a, u = a - 0.1 * 6 * a.grad + kick * noise[0], u - 0.1 * 6 * u.grad + kick * noise[1]
    assert torch.allclose(got[0], u, atol=1e-7) and torch.allclose(got[1], a, atol=1e-7)


def test_noise_alone_comes_to_rest_at_its_temperature():
    X, y = problem()
    u, a = torch.zeros(1, 4000, 2).double(), torch.zeros(1, 4000).double()
    u, a = page.noisy_descent(u, a, X, 0 * y, 0.5, 0.02, seeded(7).torch, steps=200, eta=0.1)
    wanted = 0.02 / 0.5 / (1 - 0.1 * 0.5 / 2)
    assert u[0, :, 1].var().item() == pytest.approx(wanted, rel=0.12)
    assert a.var().item() == pytest.approx(wanted, rel=0.12)


def test_the_quadrature_integrates_functions_with_kinks_at_the_samples():
    X, y = problem()
    U, weight = page.directions(X, 20)
    z = y.numpy() * 0.01
    got = weight @ ((U @ X.T).clamp(min=0) @ torch.tensor(z) / LAM) ** 2
    assert got.item() == pytest.approx(integral(lambda phi: price(phi, X, z) ** 2, X), rel=1e-9)
    assert weight.sum().item() == pytest.approx(2 * math.pi)
    assert torch.allclose(U.norm(dim=1), torch.ones(len(U)).double())


def test_the_duals_slope_and_bend_are_its_derivatives():
    X, y = problem()
    U, weight = page.directions(X, 60)
    S, z = (U @ X.T).clamp(min=0) / LAM, 0.01 * y

    def plain(z: torch.Tensor) -> torch.Tensor:
        return y @ z - len(y) / 2 * z @ z - 0.3 * torch.log((weight / (1 - (S @ z) ** 2)).sum())

    found, slope, bend = page.dual(z, y, S, weight, 0.3)
    assert found.item() == pytest.approx(value(z.numpy(), X, y, 0.3), rel=1e-9)
    assert torch.allclose(slope, torch.func.grad(plain)(z), atol=1e-10)
    assert torch.allclose(bend, -torch.func.hessian(plain)(z), atol=1e-8)
    assert page.dual(1e3 * y, y, S, weight, 0.3)[0] == -math.inf


@pytest.mark.parametrize("T", [0.1, 0.003])
def test_the_equilibrium_maximises_the_dual_that_scipy_integrates(T):
    X, y = problem(3)
    state = page.equilibrium(X, y, LAM, T)
    found = minimize(
        lambda z: -value(z, X, y, T) if max(abs(price(t, X, z)) for t in TURN) < 1 else 1e3,
        np.zeros(3),
        method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-13, "maxiter": 500},
    )
    assert np.allclose(state.z, found.x, atol=1e-5)
    assert torch.allclose(state.output(X), y - 3 * state.z, atol=1e-8)
    assert state.density().sum().item() == pytest.approx(1)


TURN = np.linspace(-math.pi / 2, 3 * math.pi / 2, 200)


def test_the_output_is_that_of_neurons_drawn_from_the_gibbs_measure():
    X, y = problem(3)
    T, rng = 0.05, np.random.default_rng(8)
    state = page.equilibrium(X, y, LAM, T)
    phi = torch.atan2(state.U[:, 1], state.U[:, 0]).numpy()
    mass = state.density().numpy()
    which = rng.choice(len(phi), 400_000, p=mass / mass.sum())
    p = state.p.numpy()[which]
    s = np.sqrt(rng.exponential(2 * T / (LAM * (1 - p**2))))
    a = p * s + math.sqrt(T / LAM) * rng.normal(size=len(p))
    active = np.maximum(X[:, :1].numpy() * np.cos(phi[which]) + np.sin(phi[which]), 0)
    per = a * s * active
    error = per.std(1) / math.sqrt(len(p))
    assert (np.abs(per.mean(1) - state.output(X).numpy()) < 4 * error).all()


def test_the_curvature_is_the_second_derivative_of_the_output():
    X, y = problem()
    state = page.equilibrium(X, y, LAM, 0.02)
    t, h = torch.tensor([-0.9, 0.1, 0.77], dtype=torch.float64), 0.02
    f = [state.output(page.convex.with_bias((t + k * h)[:, None])) for k in (-1, 0, 1)]
    around = torch.stack([t + h * k / 20 for k in range(-20, 21)])
    hat = 1 - (torch.arange(-20, 21).double() / 20).abs()
    bends = [page.curvature(row, X, state) for row in around]
    smooth = (torch.stack(bends) * hat[:, None]).sum(0) / hat.sum()
    assert torch.allclose((f[0] - 2 * f[1] + f[2]) / h**2, smooth, rtol=0.02)


def test_prices_of_knots_are_those_of_their_directions():
    X, y = problem()
    z = 0.02 * y
    t = torch.tensor([-1.1, 0.2, 0.9], dtype=torch.float64)
    right, left = page.knot_prices(t, X, z, LAM)
    for k, place in enumerate(t.tolist()):
        angle = math.atan(-place)
        assert right[k].item() == pytest.approx(price(angle, X, z.numpy()))
        assert left[k].item() == pytest.approx(price(angle + math.pi, X, z.numpy()))


def test_a_cold_equilibrium_is_the_convex_programs_network():
    X, y = problem(5)
    states = page.cool(X, y, LAM, [10.0**-k for k in range(1, 8)])
    t, jump, fit = page.convex_knots(X, y, LAM)
    assert list(states) == [10.0**-k for k in range(1, 8)]
    assert torch.allclose(states[1e-7].output(X), fit, atol=1e-3)
    places, bends = page.equilibrium_bends(states[1e-7])
    inside = (places > X[0, 0]) & (places < X[-1, 0])
    near = (places[inside, None] - t).abs().amin(1) < 0.1
    assert bends[inside][near].sum() > 0.95 * bends[inside].sum()
    assert jump.abs().min() > 0


@pytest.mark.parametrize(("lam", "T"), [(0.0, 0.1), (0.1, 0.0), (0.1, -1.0)])
def test_no_equilibrium_without_penalty_or_temperature(lam, T):
    with pytest.raises(ValueError, match="lam=.* and T=.* must be positive"):
        page.equilibrium(*problem(), lam, T)


def test_places_that_are_close_count_once():
    t = torch.tensor([0.0, 0.001, 0.5, 0.515, 0.6, 0.999, 1.02])
    assert page.distinct(t, 0.0, 1.0) == pytest.approx([0.0, 0.5, 0.6, 0.999])


def test_windows_cover_what_the_best_of_all_windows_cover_each_in_turn():
    rng = np.random.default_rng(9)
    t, bend = rng.random(60), rng.random(60)
    left, wanted = bend.copy(), []
    for _ in range(4):
        held = [(left[(t >= a) & (t <= a + 0.07)].sum(), a) for a in t]
        most, at = max(held)
        window = (t >= at) & (t <= at + 0.07)
        wanted.append((most, (left * t)[window].sum() / most))
        left[window] = 0
    for windows in (1, 2, 3, 4):
        share, centre = page.window_share(torch.tensor(t), torch.tensor(bend), 0.07, windows)
        total = sum(most for most, _ in wanted[:windows])
        assert share == pytest.approx(total / bend.sum())
        assert centre == pytest.approx(wanted[0][1])


def test_intervals_with_few_bends_are_left_out_and_ends_count():
    x = torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64)
    t = torch.tensor([0.0, 0.5, 0.9, 1.3], dtype=torch.float64)
    found = page.interval_shares(x, t, torch.tensor([4.0, 3, 2, 0.1]).double(), windows=2)
    assert len(found) == 1
    assert found[0] == pytest.approx((7 / 9, 9 / 5.1, 0.0))


def test_bends_of_networks_and_shares_below():
    u = torch.tensor([[2.0, 1.0], [-1.0, 3.0], [0.5, -0.5]])
    t, bend = page.network_bends(u, torch.tensor([1.5, -2.0, 4.0]))
    assert t.tolist() == [-0.5, 3.0, 1.0] and bend.tolist() == [3.0, 2.0, 2.0]
    places = torch.tensor([-1.0, 0.0, 2.0])
    assert page.share_below(places, t, bend).tolist() == pytest.approx([0, 0.6, 1.0])


def test_the_objective_counts_every_weight():
    X, y = problem()
    u = torch.randn(2, 5, 2, dtype=torch.float64, generator=seeded(10).torch)
    a = torch.randn(2, 5, dtype=torch.float64, generator=seeded(11).torch)
    got = page.regularised(X, y, u, a, LAM)
    for net, value in zip(zip(u, a), got):
        fit = torch.relu(X @ net[0].T) @ net[1] / 5 - y
        size = (net[0] ** 2).sum() + (net[1] ** 2).sum()
        assert torch.allclose(value, (fit**2).mean() / 2 + LAM / 2 * size / 5)


@pytest.mark.parametrize("device", ["meta", "cuda"])
def test_definitions_work_where_their_inputs_live(device):
    """Without, on "meta", those whose course depends on values: Newton's method, windows."""
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    X, y = (part.float().to(device) for part in problem())
    u, a = torch.randn(2, 5, 2).to(device), torch.randn(2, 5).to(device)
    outcomes = [
        *page.noisy_descent(u, a, X, y, LAM, 0.0, None, steps=2),
        page.mean_output(X, u, a),
        page.regularised(X, y, u, a, LAM),
        *page.directions(X, 5),
        page.knot_prices(X[:, 0], X, y, LAM),
        *page.network_bends(u[0], a[0]),
    ]
    if device == "cuda":
        state = page.equilibrium(X, y, LAM, 0.1)
        outcomes += [state.z, state.output(X), page.curvature(X[:, 0], X, state)]
        outcomes += [*page.convex_knots(X, y, LAM)]
        outcomes += [*page.noisy_descent(u, a, X, y, LAM, 0.1, seeded(12).torch, steps=2)]
    assert {part.device.type for part in outcomes} == {device}
    assert {part.dtype for part in outcomes} == {torch.float32}
