"""The page on networks of signs against SciPy's quadrature, autograd, loops and numbers by hand."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import dblquad, quad, solve_ivp
from scipy.special import erf
from torch import nn

from helpers import chapter, seeded

discrete = chapter("ntk/discrete")
INF = math.inf


def tensors(*values):
    return [torch.tensor(value).double() for value in values]


def by_quadrature(q1, r, q2, a, b):
    """E[s_a(u) s_a(v)] and E[s_a'(u) s_b'(v)], integrated numerically."""
    precision = np.linalg.inv([[q1, r], [r, q2]])
    scale = math.sqrt(np.linalg.det(precision)) / (2 * math.pi)

    def density(u, v):
        return scale * math.exp(-0.5 * np.array([u, v]) @ precision @ np.array([u, v]))

    def slope(u, s):
        return 2 * s / math.sqrt(math.pi) * math.exp(-((s * u) ** 2))

    if math.isinf(a):
        quadrant = dblquad(lambda v, u: density(u, v), 0, 8, 0, 8, epsabs=1e-7)[0]
        return 4 * quadrant - 1, quad(lambda v: 2 * density(0, v) * slope(v, b), -9, 9)[0]
    box = (-7, 7, -7, 7)
    product = dblquad(lambda v, u: density(u, v) * erf(a * u) * erf(a * v), *box, epsabs=1e-6)[0]
    slopes = dblquad(lambda v, u: density(u, v) * slope(u, a) * slope(v, b), *box, epsabs=1e-6)[0]
    return product, slopes


@pytest.mark.parametrize("a, b", [(INF, 0.7), (INF, 2.0), (0.8, 0.5)])
def test_expectations_are_those_of_quadrature(a, b):
    q1, r, q2 = 0.9, -0.4, 0.6
    t1, tr, t2 = tensors(q1, r, q2)
    e = discrete.softness(a)
    product = discrete.arcsine(tr, ((t1 + e) * (t2 + e)).sqrt())
    slopes = discrete.slope_product(t1, tr, t2, a, b)
    assert [product.item(), slopes.item()] == pytest.approx(
        by_quadrature(q1, r, q2, a, b), abs=1e-5
    )


def test_softness_is_a_variance_and_refuses_what_is_no_sharpness():
    assert discrete.softness(2.0) == 0.125 and discrete.softness(INF) == 0
    for wrong in (0, -1.5, math.nan):
        with pytest.raises(ValueError, match="sharpness"):
            discrete.surrogate_kernels(torch.ones(1, 2), torch.ones(1, 2), b=wrong)


def test_one_hidden_layer_is_the_formula_of_angle_and_norm():
    angles, radii = torch.linspace(0.1, 2.9, 5).double(), torch.tensor([0.4, 1, 3, 0.7, 8]).double()
    x = discrete.plane(angles, radii)
    sigma, theta = discrete.surrogate_kernels(x, x, b=1.3)
    for i in range(5):
        for j in range(5):
            angle = abs(angles[i] - angles[j]).item()
            spread = 2 / (2 * 1.3**2 * radii[j].item() ** 2)
            wanted = 1 - 2 * angle / math.pi
            assert sigma[i, j].item() == pytest.approx(wanted, abs=1e-7)
            root = math.sqrt(math.sin(angle) ** 2 + spread)
            wanted += 2 / math.pi * math.cos(angle) / root
            assert theta[i, j].item() == pytest.approx(wanted, abs=1e-7)


def test_the_ordinary_kernel_is_symmetric_and_infinite_on_the_diagonal_for_signs():
    x = discrete.plane(torch.tensor([0.3, 1.0, 2.0]).double(), torch.tensor([0.5, 2, 1]).double())
    smooth = discrete.surrogate_kernels(x, x, 1.5, 1.5, depth=2)[1]
    torch.testing.assert_close(smooth, smooth.T)
    jump = discrete.surrogate_kernels(x, x, INF, INF)[1]
    assert not jump.isnan().any() and (jump.diagonal() > 1e6).all()
    assert jump[0, 1].isfinite()


@pytest.mark.parametrize("a", [INF, 1.2])
@pytest.mark.parametrize("depth", [1, 2])
def test_an_input_of_zeros_has_zeros_in_its_row_and_column(a, depth):
    x = torch.tensor([[0.0, 0.0], [1.0, -0.5]])
    for kernel in discrete.surrogate_kernels(x, x, a, 0.8, depth):
        assert kernel.dtype == torch.float32
        assert kernel[0].tolist() == [0, 0] and kernel[:, 0].tolist() == [0, 0]
        assert kernel[1, 1] > 0


def test_empirical_kernel_is_the_product_of_two_jacobians():
    seeded(90)
    model = chapter("ntk").ntk_mlp([3, 7, 6, 1], discrete.Surrogate, sigma_w=1.0)
    x = torch.randn(4, 3).double()

    def jacobian(a):
        rows = []
        for z in x:
            h = z
            for layer in model:
                h = (a * h).erf() if isinstance(layer, discrete.Surrogate) else layer(h)
            grads = torch.autograd.grad(h[0], list(model.parameters()))
            rows.append(torch.cat([g.flatten() for g in grads]))
        return torch.stack(rows)

    for layer in model:
        if isinstance(layer, discrete.Surrogate):
            layer.a = 1.4
    got = discrete.empirical_surrogate_ntk(model, x, 1.4, 1.4)
    torch.testing.assert_close(got, jacobian(1.4) @ jacobian(1.4).T)
    wide = [discrete.empirical_surrogate_ntk(model, x, a, b) for a, b in ((1.4, 0.6), (0.6, 1.4))]
    torch.testing.assert_close(wide[0], wide[1].T)
    assert not torch.allclose(wide[0], wide[0].T)


def test_one_hidden_layer_s_empirical_kernel_by_hand():
    model = chapter("ntk").ntk_mlp([2, 3, 1], lambda: discrete.Surrogate(0.9, 0.9), sigma_w=1.0)
    x = torch.tensor([[0.5, -1.0], [0.2, 0.4]]).double()
    W, v = model[0].weight.detach().numpy(), model[2].weight.detach().numpy()[0]
    u = x.numpy() @ W.T / math.sqrt(2)
    slopes = [2 * s / math.sqrt(math.pi) * np.exp(-((s * u) ** 2)) * v for s in (0.9, 0.3)]
    wanted = erf(0.9 * u) @ erf(0.9 * u).T / 3
    wanted += (x.numpy() @ x.numpy().T / 2) * (slopes[0] @ slopes[1].T) / 3
    got = discrete.empirical_surrogate_ntk(model, x, 0.9, 0.3)
    np.testing.assert_allclose(got.detach().numpy(), wanted, atol=1e-12)
    assert discrete.relative(2 * got, got) == pytest.approx(1)


def test_flow_is_the_integrated_equation_for_kernels_singular_or_not():
    draw = np.random.default_rng(91)
    theta = draw.normal(size=(4, 4)) * 0.3 + np.eye(4)
    double = theta.copy()
    double[:, 3], double[3] = double[:, 2], double[2]
    for K in (theta, double):
        K_test = np.concatenate([K, draw.normal(size=(2, 4))])
        y, f0 = draw.normal(size=4), draw.normal(size=6)
        wanted = solve_ivp(
            lambda t, f, K=K_test, y=y: -K @ (f[:4] - y), (0, 1.7), f0, rtol=1e-10, atol=1e-12
        ).y[:, -1]
        given = [torch.tensor(part) for part in (K, K_test, f0[None, :4], f0[None], y)]
        got = discrete.surrogate_flow(*given, 1.7)
        np.testing.assert_allclose(got[0], wanted, atol=1e-7)
        torch.testing.assert_close(discrete.surrogate_flow(*given, 0.0), given[3])


def test_flow_names_what_has_another_shape():
    K, f0, y = torch.eye(3), torch.zeros(2, 3), torch.zeros(3)
    assert discrete.surrogate_flow(K, K, f0, f0, y, 1.0).dtype == torch.float32
    for wrong in ((K, K, f0, f0, y[:, None], 1.0), (K, K, f0[:, :2], f0, y, 1.0)):
        with pytest.raises(ValueError, match=r"y \(N,\)"):
            discrete.surrogate_flow(*wrong)


@pytest.mark.parametrize("a", [INF, 2.5])
def test_surrogate_says_one_thing_and_learns_by_another(a):
    u = torch.tensor([-0.7, 0.0, 0.2, 1.4]).double().requires_grad_()
    value = discrete.Surrogate(a, 0.6)(u)
    wanted = u.sign() if math.isinf(a) else (2.5 * u).erf()
    torch.testing.assert_close(value, wanted)
    slope = torch.autograd.grad(value.sum(), u)[0]
    expected = 2 * 0.6 / math.sqrt(math.pi) * torch.exp(-((0.6 * u) ** 2))
    torch.testing.assert_close(slope, expected.detach())


def test_networks_side_by_side_are_single_networks():
    networks = discrete.Networks(3, [2, 5, 4, 2], torch.tanh, seeded(92).torch)
    x = torch.randn(70, 2, generator=seeded(93).torch).double()
    out = networks.evaluate(x)
    assert out.shape == (3, 70, 2) and out.dtype == torch.float64
    for r in range(3):
        A, B, V = (W[r].double() for W in networks.weights)
        hidden = torch.tanh(B @ torch.tanh(A @ x.T / 2**0.5) / 5**0.5)
        torch.testing.assert_close(out[r], (V @ hidden).T / 2, atol=1e-5, rtol=1e-5)


def test_descent_is_one_gradient_step_with_a_rate_of_its_own_in_the_first_layer():
    networks = discrete.Networks(2, [3, 4, 2], torch.tanh, seeded(94).torch)
    networks.weights = [W.double() for W in networks.weights]
    x = torch.randn(5, 3, generator=seeded(95).torch).double()
    y = torch.randn(5, 2, generator=seeded(96).torch).double()
    before = [W.clone().requires_grad_() for W in networks.weights]
    for r in range(2):
        f = (before[1][r] @ torch.tanh(before[0][r] @ x.T / 3**0.5)).T / 2
        ((f - y) ** 2).sum().div(2).backward()
    networks.descend(x, y, 0.3, 1, first=0.2)
    for W, old, rate in zip(networks.weights, before, (0.06, 0.3)):
        torch.testing.assert_close(W.detach(), (old - rate * old.grad).detach())


def test_points_and_wave_by_hand():
    x, y = discrete.circle_task((2.0, 0.5))
    root = 0.5**0.5
    np.testing.assert_allclose(x, [[2 * root, 2 * root], [-root / 2, root / 2]], atol=1e-12)
    np.testing.assert_allclose(y, [-0.2 * root, -1.4 * root], atol=1e-12)
    turn = torch.linspace(0, 3, 7).double()
    torch.testing.assert_close(discrete.wave(turn + math.pi), -discrete.wave(turn))


def test_a_run_is_descent_for_four_slowest_scales_in_small_steps():
    x, y = discrete.circle_task((1.0, 1.0, 1.0))
    run = discrete.train_signs(x, y, 40, 1.5, 2, seeded(97))
    rates = np.linalg.eigvals(discrete.surrogate_kernels(x, x, b=1.5)[1].numpy()).real
    assert run.t == pytest.approx(4 / rates.min())
    again = discrete.Networks(2, [2, 40, 1], discrete.Surrogate(b=1.5), seeded(97).torch)
    torch.testing.assert_close(run.f0, again.evaluate(x)[..., 0])
    eta = 1 / rates.max()
    again.descend(x, y[:, None], eta, round(run.t / eta))
    everywhere = discrete.plane(discrete.DIRECTIONS)
    torch.testing.assert_close(run.trained, again.evaluate(everywhere)[..., 0])


def test_forecasts_end_at_the_interpolant_from_the_start_that_is_asked_for():
    x, y = discrete.circle_task((1.0, 2.0, 0.5))
    kernel = discrete.surrogate_ntk(0.9)
    K, K_test = kernel(x, x).numpy(), kernel(discrete.plane(discrete.DIRECTIONS), x).numpy()
    f0, f0_test = torch.full((1, 3), 0.3).double(), torch.full((1, 91), -0.4).double()
    run = discrete.Ensemble(f0, f0_test, f0_test, 200.0)
    for start in (0.0, 1.0):
        got = discrete.forecast(run, x, y, kernel, start=start)[0]
        wanted = -0.4 * start + K_test @ np.linalg.solve(K, y.numpy() - 0.3 * start)
        np.testing.assert_allclose(got, wanted, atol=1e-6)


def test_distances_are_in_units_of_the_nearest_other_curve():
    x, y = discrete.circle_task()
    zero = torch.zeros(40, 8).double()
    signs = torch.tensor([1.0, -1.0]).double().repeat_interleave(10).repeat(2)[:, None]
    trained = 0.5 + 0.2 * signs.expand(40, 91)
    run = discrete.Ensemble(zero, 0 * trained, trained, 0.7)
    kernels = {"own": lambda p, q: 0 * p @ q.T, "other": discrete.surrogate_ntk(1.0)}
    found = discrete.distances(run, x, y, kernels)
    other = discrete.forecast(run, x, y, kernels["other"], start=0)[0]
    wave = discrete.wave(discrete.DIRECTIONS)
    unit = min(np.sqrt(np.mean(curve.numpy() ** 2)) for curve in (other, wave))
    tens = math.sqrt((0.7**2 + 0.3**2 + 0.7**2) / 3)
    for name, value in (
        ("own", 0.5),
        ("means of ten", tens),
        ("other", np.sqrt(np.mean((0.5 - other.numpy()) ** 2))),
        ("the wave", np.sqrt(np.mean((0.5 - wave.numpy()) ** 2))),
    ):
        assert found[name] == pytest.approx(value / unit)


def test_signs_see_directions_only():
    networks = discrete.Networks(2, [2, 9, 1], discrete.Surrogate(), seeded(98).torch)
    x = nn.functional.normalize(torch.randn(5, 2)).double()
    torch.testing.assert_close(networks.evaluate(x), networks.evaluate(7.3 * x))
