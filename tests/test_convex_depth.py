"""The page on depth: its definitions against CVXPY, SciPy's searches, loops and NumPy."""

import math

import cvxpy as cp
import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from helpers import chapter, seeded

convex, depth = chapter("convex"), chapter("convex/depth")

SPECTRUM = torch.tensor([1.5, 1.0, 0.5], dtype=torch.float64)


def gaussian(*shape: int, stream: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=seeded(stream).torch)


def grid_least(s: float, beta: float, p: float) -> tuple[float, float]:
    """The best of a fine grid for (s - sigma)^2 / 2 + beta sigma^p, and its cost."""
    sigma = np.linspace(0, 4, 400_001)
    cost = (s - sigma) ** 2 / 2 + beta * sigma**p
    return sigma[cost.argmin()], cost.min()


@pytest.mark.parametrize("L", [2, 3, 4, 8])
@pytest.mark.parametrize("beta", [0.05, 0.3, 1.1])
def test_a_chains_values_are_the_best_of_a_fine_grid(L, beta):
    s = torch.tensor([0.0, 0.2, 0.7, 1.3, 1.9, 3.0], dtype=torch.float64)
    got = depth.chain_values(s, beta, L)
    for value, data in zip(got.tolist(), s.tolist()):
        best, cost = grid_least(data, beta, 2 / L)
        assert value == pytest.approx(best, abs=2e-5)
        assert (data - value) ** 2 / 2 + beta * value ** (2 / L) <= cost + 1e-12
    beta = torch.tensor(beta, dtype=torch.float64)
    least = sum(grid_least(data, beta.item(), 2 / L)[1] for data in s.tolist())
    assert depth.chain_least(s, beta, L).item() == pytest.approx(least, abs=1e-8)


@pytest.mark.parametrize("L", [3, 4, 6])
def test_a_chain_of_any_start_never_costs_less_than_the_theorem_says(L):
    Z = gaussian(3, 3, stream=601)
    price = (torch.linalg.svdvals(Z) ** (2 / L)).sum().item()
    assert depth.cheapest_chain(Z, L, seeded(602).torch) == pytest.approx(price, rel=1e-5)
    parts = gaussian(L - 1, 3, 3, stream=603)
    last = torch.linalg.solve(torch.linalg.multi_dot(list(parts)) if L > 2 else parts[0], Z)
    assert (parts.square().sum() + last.square().sum()).item() / L > price
    assert depth.quasi_norm(torch.linalg.svdvals(Z), L).item() == pytest.approx(price ** (L / 2))


@pytest.mark.parametrize("L", [3, 4])
@pytest.mark.parametrize("beta", [0.2, 0.5])
def test_the_chains_dual_is_cvxpys_best_over_the_scale(L, beta):
    """max <A, Y> - |A|^2 / 2 with |X^T A| <= 2 beta / L t^(2 - L), plus beta (L - 2) / L t^2."""
    X, Y = depth.whitened(depth.with_spectrum(SPECTRUM, seeded(604).torch), 5, seeded(605).torch)
    A, radius = cp.Variable(Y.shape), cp.Parameter(nonneg=True)
    gain = cp.sum(cp.multiply(A, Y.numpy())) - cp.sum_squares(A) / 2
    problem = cp.Problem(cp.Maximize(gain), [cp.sigma_max(X.numpy().T @ A) <= radius])
    values = []
    for t in np.linspace(0.3, 1.5, 49):
        radius.value = 2 * beta / L * t ** (2 - L)
        values.append(beta * (L - 2) / L * t**2 + problem.solve(solver=cp.CLARABEL))
    strength = torch.tensor(beta, dtype=torch.float64)
    got = depth.chain_dual(SPECTRUM, strength, L).item()
    assert got == pytest.approx(min(values), rel=2e-3)
    assert got <= depth.chain_least(SPECTRUM, strength, L).item()


def test_two_layers_have_no_gap_and_the_convex_optimum_is_cvxpys():
    betas = torch.tensor([0.3, 0.8], dtype=torch.float64)
    dual = depth.chain_dual(SPECTRUM, betas, 2)
    assert torch.allclose(dual, depth.convex_optimum(SPECTRUM, betas), atol=1e-6)
    X, Y = depth.whitened(depth.with_spectrum(SPECTRUM, seeded(606).torch), 7, seeded(607).torch)
    for beta, least in zip(betas.tolist(), depth.convex_optimum(SPECTRUM, betas).tolist()):
        assert depth.nuclear_program(X, Y, beta) == pytest.approx(least, rel=1e-6)


def test_the_nuclear_program_meets_its_optimality_conditions_for_any_inputs():
    X, Y, beta = gaussian(8, 4, stream=608), gaussian(8, 3, stream=609), 1.2
    eta, Z = 1 / torch.linalg.matrix_norm(X, 2).item() ** 2, np.zeros((4, 3))
    for _ in range(4000):
        moved = Z - eta * X.numpy().T @ (X.numpy() @ Z - Y.numpy())
        U, s, Vh = np.linalg.svd(moved, full_matrices=False)
        Z = (U * np.maximum(s - eta * beta, 0)) @ Vh
    fit = ((X.numpy() @ Z - Y.numpy()) ** 2).sum() / 2
    least = fit + beta * np.linalg.svd(Z, compute_uv=False).sum()
    assert depth.nuclear_program(X, Y, beta) == pytest.approx(least, rel=1e-6)


@pytest.mark.parametrize("phi", [torch.relu, lambda h: h], ids=["relu", "linear"])
def test_the_networks_output_and_price_are_those_of_loops(phi):
    widths, K, power, beta = [4, 3, 5, 2], 3, 3, 0.7
    Ws = depth.starts(widths, (2, K), seeded(610).torch)
    X, Y = gaussian(6, 4, stream=611), gaussian(6, 2, stream=612)
    for start in range(2):
        output, price = torch.zeros(6, 2).double(), 0.0
        for k in range(K):
            h = X
            for layer, W in enumerate(Ws):
                h = h @ W[start, k]
                h = phi(h) if layer < 2 else h
                price += W[start, k].pow(2).sum().sqrt().item() ** power / 3
            output = output + h
        got = depth.parallel_objective([W[start] for W in Ws], X, Y, beta, power, phi)
        assert torch.allclose(depth.parallel_output(X, Ws, phi)[start], output)
        assert depth.parallel_penalty(Ws, power)[start].item() == pytest.approx(price)
        fit = (output - Y).square().sum().item() / 2
        assert got.item() == pytest.approx(fit + beta * price)
    whole = torch.einsum("bkij,bkjl,bklm->bim", *Ws)
    assert torch.allclose(depth.end_to_end(Ws), whole)


def test_training_takes_all_its_steps_of_adam_at_the_falling_step_size():
    X, Y, steps, lr = gaussian(5, 3, stream=613), gaussian(5, 2, stream=614), 30, 0.05
    begun = depth.starts([3, 4, 2], (2, 2), seeded(615).torch)
    Ws = [W.clone().requires_grad_() for W in begun]
    adam = torch.optim.Adam(Ws)
    for k in range(steps):
        adam.param_groups[0]["lr"] = lr * (1 + math.cos(math.pi * k / steps)) / 2
        adam.zero_grad()
        fit = (torch.einsum("nd,bkdm,bkmc->bnc", X, *Ws) - Y).square().sum() / 2
        price = sum(W.square().sum() for W in Ws) / 2
        (fit + 0.3 * price).backward()
        adam.step()
    reached, got = depth.train_parallel(begun, X, Y, 0.3, 2, steps=steps, lr=lr)
    assert reached.shape == (2,)
    for ours, theirs in zip(got, Ws):
        assert torch.allclose(ours, theirs, atol=1e-9)


def test_whitened_inputs_have_orthonormal_columns_and_the_asked_spectrum():
    M = depth.with_spectrum(SPECTRUM, seeded(616).torch)
    assert torch.allclose(torch.linalg.svdvals(M), SPECTRUM)
    X, Y = depth.whitened(M.expand(2, 3, 3), 6, seeded(617).torch)
    assert torch.allclose(X.mT @ X, torch.eye(3).double().expand(2, 3, 3), atol=1e-12)
    assert torch.allclose(X.mT @ Y, M.expand(2, 3, 3))


def test_data_on_a_line_have_rank_one_and_halves_of_norm_one():
    r = torch.tensor([-0.5, 1.5], dtype=torch.float64)
    X, Y = depth.line_data(r, 10, seeded(618))
    U, s, Vh = torch.linalg.svd(X)
    assert s[0] > 1 and s[1] < 1e-12
    x = X @ Vh[0]
    x = x if ((Y[0, :, 0] > 0) == (x > 0)).all() else -x
    plus, minus = x.clamp(min=0), (-x).clamp(min=0)
    assert plus.norm() == pytest.approx(1) and minus.norm() == pytest.approx(1)
    assert torch.allclose(Y[..., 0], plus + r[:, None] * minus)


@pytest.mark.parametrize("r", [-1.0, -0.4, 0.0, 0.7])
def test_the_lasso_and_the_half_star_are_what_searches_find(r):
    beta = 0.15
    a, c = cp.Variable(), cp.Variable()
    cost = cp.square(1 - a) / 2 + cp.square(r - c) / 2 + beta * (cp.abs(a) + cp.abs(c))
    wanted = cp.Problem(cp.Minimize(cost)).solve(solver=cp.CLARABEL)
    slope = torch.tensor([r], dtype=torch.float64)
    assert depth.lasso_optimum(slope, beta).item() == pytest.approx(wanted, rel=1e-6)

    def price(z: np.ndarray) -> float:
        size = np.abs(z)
        star = (size ** (2 / 3)).sum() ** 1.5
        dear = star if z[0] * z[1] < 0 else size.sum()
        return ((z - [1, r]) ** 2).sum() / 2 + beta * dear

    begun = [(0.9, r), (0.9, 0.0), (0.0, r), (0.5, r / 2), (1.0, 0.1 * np.sign(r))]
    found = min(minimize(price, z, method="Nelder-Mead").fun for z in begun)
    got = depth.half_star_optimum(slope, beta).item()
    assert got == pytest.approx(found, rel=1e-4) and got >= wanted * (1 - 1e-6)


def test_one_relu_chain_stays_inside_the_half_star():
    """Random chains of unit price: |alpha|^(2/3) + |gamma|^(2/3) <= 1 for opposite signs."""
    draws = 20_000
    W1, W2, W3 = (gaussian(draws, *s, stream=i) for i, s in enumerate([(4,), (4, 4), (4,)], 620))
    W1, W3 = (W / W.norm(dim=1, keepdim=True) for W in (W1, W3))
    W2 = W2 / W2.flatten(1).norm(dim=1)[:, None, None]
    slopes = []
    for side in (1, -1):
        hidden = torch.relu(torch.einsum("bi,bij->bj", torch.relu(side * W1), W2))
        slopes.append((hidden * W3).sum(1))
    alpha, gamma = (slope.abs() for slope in slopes)
    opposite = slopes[0] * slopes[1] < 0
    assert opposite.any() and (alpha + gamma).max() <= 1
    assert (alpha ** (2 / 3) + gamma ** (2 / 3))[opposite].max() <= 1


def test_definitions_keep_the_precision_of_their_inputs_on_any_device():
    for device in ("meta", *(["cuda"] if torch.cuda.is_available() else [])):
        s = SPECTRUM.float().to(device)
        beta = torch.tensor(0.3, device=device)
        outcomes = [depth.soft(s, 0.3), depth.chain_values(s, beta, 3), depth.quasi_norm(s, 3)]
        outcomes += [depth.chain_least(s, beta, 3), depth.chain_dual(s, beta, 3)]
        Ws = [W.float().to(device) for W in depth.starts([3, 2, 2], (2, 2), seeded(623).torch)]
        X, Y = torch.ones(4, 3, device=device), torch.ones(4, 2, device=device)
        outcomes += [depth.parallel_output(X, Ws), depth.end_to_end(Ws)]
        outcomes += [depth.parallel_objective(Ws, X, Y, 0.3, 3), depth.half_star_optimum(s, 0.1)]
        outcomes += depth.train_parallel(Ws, X, Y, 0.3, 2, steps=2)[1]
        assert {part.device.type for part in outcomes} == {device}
        assert {part.dtype for part in outcomes} == {torch.float32}
