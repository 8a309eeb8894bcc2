"""The NTK core page's definitions against neural-tangents, SciPy and trained networks."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.integrate import quad, solve_ivp
from scipy.linalg import expm
from scipy.stats import multivariate_normal, norm

from helpers import chapter, seeded

ntk = chapter("ntk")

# Values of neural-tangents, written by the script of the same name.
GOLDEN = np.load(Path(__file__).parent / "golden" / "ntk.npz")
SETTINGS = pytest.mark.parametrize("setting", [0, 1], ids=["no bias", "bias"])
DEPTHS = pytest.mark.parametrize("depth", range(1, 6))


def inputs(*shape: int, stream: int = 1) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=seeded(stream).torch)


@SETTINGS
@DEPTHS
class TestAgainstNeuralTangents:
    def kernels(self, depth, setting, other):
        sigma_w, sigma_b = GOLDEN["settings"][setting]
        x1, x2 = (torch.tensor(GOLDEN[name]) for name in ("x1", "x2"))
        return ntk.infinite_kernels(x1, x2 if other else None, depth, sigma_w, sigma_b)

    def test_between_two_sets(self, depth, setting):
        for name, kernel in zip(("nngp", "ntk"), self.kernels(depth, setting, other=True)):
            golden = GOLDEN[f"relu_{name}_cross"][depth - 1, setting]
            assert np.abs(kernel.numpy() / golden - 1).max() < 1e-10

    def test_within_one_set(self, depth, setting):
        off = ~np.eye(6, dtype=bool)
        for name, kernel in zip(("nngp", "ntk"), self.kernels(depth, setting, other=False)):
            golden = GOLDEN[f"relu_{name}_self"][depth - 1, setting]
            assert np.abs(kernel.numpy() / golden - 1)[off].max() < 1e-10

    def test_the_diagonal_is_exact(self, depth, setting):
        """Where neural-tangents rounds the angle: there the recursion has a closed form."""
        sigma_w, sigma_b = GOLDEN["settings"][setting]
        variance = sigma_w**2 * (GOLDEN["x1"] ** 2).mean(1) + sigma_b**2
        theta = variance.copy()
        for _ in range(depth):
            variance = sigma_w**2 / 2 * variance + sigma_b**2
            theta = variance + sigma_w**2 / 2 * theta
        nngp, kernel = self.kernels(depth, setting, other=False)
        assert np.abs(nngp.diagonal().numpy() / variance - 1).max() < 1e-13
        assert np.abs(kernel.diagonal().numpy() / theta - 1).max() < 1e-13


def test_the_expectations_are_gaussian_integrals():
    s1, s12, s2 = 1.3, -0.4, 0.7
    slope, spread = s12 / s1, np.sqrt(s2 - s12**2 / s1)

    def weighted(u: float) -> float:
        """u times the density of u times E[relu(v) | u]."""
        mean = slope * u
        relu = mean * norm.cdf(mean / spread) + spread * norm.pdf(mean / spread)
        return u * norm.pdf(u, scale=np.sqrt(s1)) * relu

    k1, k0 = ntk.arc_cosine(*(torch.tensor(s, dtype=torch.float64) for s in (s1, s12, s2)))
    both_positive = multivariate_normal.cdf([0, 0], cov=[[s1, s12], [s12, s2]])
    assert k1.item() == pytest.approx(quad(weighted, 0, np.inf)[0], rel=1e-8)
    assert k0.item() == pytest.approx(both_positive, rel=1e-8)


def test_parallel_inputs_have_exact_angles():
    one = torch.tensor([1.3], dtype=torch.float64)
    for sign, kernel, both in ((1, 0.65, 0.5), (-1, 0.0, 0.0)):
        k1, k0 = ntk.arc_cosine(one, sign * (one * 4).sqrt() * one.sqrt(), 4 * one)
        assert k1.item() == pytest.approx(2 * kernel, abs=1e-15) and k0.item() == both
    for dtype in (torch.float32, torch.float64):
        x = inputs(5, 3).to(dtype).repeat(2, 1)
        K = ntk.infinite_kernels(x, x.clone(), 2)[1]
        assert torch.allclose(K[:5, :5], K[:5, 5:], rtol=1e-6)
        assert torch.allclose(K, ntk.infinite_kernels(x, None, 2)[1], rtol=1e-6)


@pytest.mark.parametrize("depth", [1, 3])
def test_an_input_of_zeros_has_a_kernel_of_zeros(depth):
    x = torch.cat([torch.zeros(1, 3).double(), inputs(4, 3)])
    for other in (None, x.flip(0)):
        for kernel in ntk.infinite_kernels(x, other, depth):
            assert kernel.isfinite().all()
            assert (kernel[0] == 0).all() and (kernel[:, 0 if other is None else -1] == 0).all()
    without = ntk.infinite_kernels(x[1:], None, depth)[1]
    assert torch.equal(ntk.infinite_kernels(x, None, depth)[1][1:, 1:], without)
    assert ntk.infinite_kernels(0 * x, None, depth, sigma_b=0.5)[1].isfinite().all()


def test_not_a_number_stays_one():
    x = inputs(3, 2)
    x[1, 0] = torch.nan
    kernel = ntk.infinite_kernels(x)[1]
    assert kernel[1].isnan().all() and kernel[[0, 0, 2], [0, 2, 2]].isfinite().all()


@pytest.mark.parametrize("other", [False, True])
def test_the_gradient_with_respect_to_inputs_is_the_difference_quotient(other):
    x = inputs(4, 3)
    z = inputs(5, 3, stream=2) if other else None
    weights = [inputs(4, 5 if other else 4, stream=3 + k) for k in range(2)]

    def total(x):
        return sum((w * k).sum() for w, k in zip(weights, ntk.infinite_kernels(x, z, 2)))

    assert torch.autograd.gradcheck(total, x.clone().requires_grad_())


def test_the_gradient_at_zero_and_at_duplicates_is_finite():
    x = torch.cat([torch.zeros(1, 3).double(), inputs(2, 3), inputs(2, 3)]).requires_grad_()
    for other in (None, x.detach()):
        kernel = sum(k.sum() for k in ntk.infinite_kernels(x, other, 2))
        assert torch.autograd.grad(kernel, x)[0].isfinite().all()


@pytest.fixture
def flow():
    """A kernel on 5 + 2 points, first outputs, targets."""
    A = inputs(7, 9, stream=6)
    K, f0, y = A @ A.T / 9, inputs(7, stream=7), inputs(5, stream=8)
    return K[:5, :5], K[5:, :5], f0[:5], f0[5:], y


def on_samples(K, f0, y, times, step=None):
    """The closed form on the training set itself."""
    return ntk.linear_prediction(K, K, f0, f0, y, times, step)


def test_on_the_samples_it_is_the_matrix_exponential(flow):
    K, _, f0, _, y = flow
    times = torch.tensor([0.0, 0.3, 2.0, 50.0], dtype=torch.float64)
    for t, f in zip(times, on_samples(K, f0, y, times)):
        expected = y.numpy() + expm(-t.item() * K.numpy()) @ (f0 - y).numpy()
        assert np.abs(f.numpy() - expected).max() < 1e-10


def test_with_a_step_it_is_gradient_descent_on_a_linear_model(flow):
    K, K_test, f0, f0_test, y = flow
    step = 0.9 / torch.linalg.eigvalsh(K)[-1].item()
    f, f_test = f0.clone(), f0_test.clone()
    for k in range(30):
        at = torch.tensor([step * k], dtype=torch.float64)
        ours = ntk.linear_prediction(K, K_test, f0, f0_test, y, at, step)[0]
        assert torch.allclose(ours, f_test, atol=1e-10)
        f, f_test = f - step * K @ (f - y), f_test - step * K_test @ (f - y)
    with pytest.raises(ValueError, match="1 / largest eigenvalue"):
        on_samples(K, f0, y, at, 1.2 * step)


def test_linear_prediction_solves_the_differential_equation(flow):
    K, K_test, f0, f0_test, y = flow
    times = torch.tensor([0.5, 3.0], dtype=torch.float64)
    both = torch.cat([K, K_test]).numpy()
    found = solve_ivp(
        lambda _, f: -both @ (f[:5] - y.numpy()),
        (0, 3),
        torch.cat([f0, f0_test]).numpy(),
        t_eval=times.numpy(),
        rtol=1e-10,
        atol=1e-12,
    )
    ours = ntk.linear_prediction(K, K_test, f0, f0_test, y, times)
    assert np.abs(ours.numpy() - found.y[5:].T).max() < 1e-7
    late = ntk.linear_prediction(K, K_test, f0, f0_test, y, torch.tensor([1e9]).double())[0]
    assert torch.allclose(late, f0_test + K_test @ torch.linalg.solve(K, y - f0))


def test_a_singular_kernel_teaches_what_its_range_holds():
    """One-dimensional inputs without bias: the kernel has rank 2, and its zeros are rounded."""
    x = torch.tensor([-1, -2 / 3, -1 / 3, 1 / 3, 2 / 3, 1], dtype=torch.float64)[:, None]
    z, y, zeros = torch.tensor([[0.25]]).double(), (3 * x[:, 0]).sin(), torch.zeros(6).double()
    K, K_test = ntk.infinite_kernels(x)[1], ntk.infinite_kernels(z, x)[1]
    times = torch.tensor([0.0, 1.0, 1e9, torch.inf], dtype=torch.float64)
    first, at_one, late, ever = ntk.linear_prediction(K, K_test, zeros, zeros[:1], y, times)[:, 0]
    assert first == 0
    assert at_one.item() == pytest.approx(0.16486, abs=1e-5)
    assert ever.item() == pytest.approx((K_test @ torch.linalg.pinv(K, rtol=1e-12) @ y).item())
    assert torch.allclose(late, ever)
    single = (t.float() for t in (K, K_test, zeros, zeros[:1], y, times))
    assert torch.allclose(
        ntk.linear_prediction(*single)[1:3, 0].double(), torch.stack([at_one, late])
    )
    trained = on_samples(K, zeros, y, times)
    fitted = K @ torch.linalg.pinv(K, rtol=1e-12) @ y
    assert torch.allclose(trained[2], fitted) and torch.allclose(trained[3], fitted)


def test_a_singular_kernel_of_many_points_stays_finite():
    x, _ = ntk.circle(8)
    K, y = ntk.infinite_kernels(x)[1], inputs(8)
    times = torch.tensor([1.0, 1e3, 1e17]).double()
    for kernel in (K, torch.ones(8, 8).double(), torch.zeros(8, 8).double()):
        seen = ntk.linear_prediction(kernel, kernel, 0 * y, 0 * y, y, times)
        onto = kernel @ torch.linalg.pinv(kernel, rtol=1e-12) @ y
        assert torch.allclose(seen[2], onto, atol=1e-8) and seen.abs().max() <= 2 * y.norm()


def test_targets_of_another_shape_are_an_error():
    x, y = inputs(5, 6), inputs(5, stream=8)
    K, times = torch.eye(5).double(), torch.ones(2).double()
    with pytest.raises(ValueError, match=r"must both be \(N,\)"):
        ntk.linear_prediction(K, K, y, y, y[:, None], times)
    with pytest.raises(ValueError, match=r"must both be \(N,\)"):
        ntk.gradient_descent(ntk.ntk_mlp([6, 1]), x, y[:, None], 0.1, 1)
    with pytest.raises(ValueError, match=r"must both be \(N,\)"):
        ntk.gradient_descent(ntk.ntk_mlp([6, 2]), x, y, 0.1, 1)


def test_frozen_parameters_are_not_trained():
    model = ntk.ntk_mlp([6, 4, 1], sigma_b=0.5)
    model[0].weight.requires_grad_(False)
    before = [p.detach().clone() for p in model.parameters()]
    ntk.gradient_descent(model, inputs(5, 6), inputs(5, stream=8), 0.1, 3)
    same = [torch.equal(a, b) for a, b in zip(before, model.parameters())]
    assert same == [True, False, False, False]


def test_real_gradient_descent_on_a_linear_model_follows_the_closed_form():
    seeded(9)
    model, x, y = ntk.ntk_mlp([6, 1], sigma_b=0.5), inputs(5, 6), inputs(5, stream=8)
    K = ntk.naive_ntk(model, x)[:, 0, :, 0]
    f0, step = model(x)[:, 0].detach(), 0.7 / torch.linalg.eigvalsh(K)[-1].item()
    history = torch.stack(ntk.gradient_descent(model, x, y, step, 300))
    times = step * torch.arange(300, dtype=torch.float64)
    assert (history - on_samples(K, f0, y, times, step)).abs().max() < 1e-10


def test_a_wide_network_trains_as_its_infinite_limit_says():
    seeded(10)
    x, _ = ntk.circle(6)
    y = inputs(6, stream=11)
    K = ntk.infinite_kernels(x, None, 1, sigma_b=0.5)[1]
    step = 0.4 / torch.linalg.eigvalsh(K)[-1].item()
    model = ntk.ntk_mlp([2, 20_000, 1], sigma_b=0.5)
    f = torch.stack(ntk.gradient_descent(model, x, y, step, 60))
    times = step * torch.arange(60, dtype=torch.float64)
    gap = (f - on_samples(K, f[0], y, times, step)).norm(dim=1).max()
    assert gap < 0.03 * (f[0] - y).norm()


def test_the_kernel_is_that_of_the_jacobian_and_frozen_parameters_do_not_count():
    seeded(11)
    model, x, z = ntk.ntk_mlp([6, 5, 3], sigma_b=0.4), inputs(4, 6), inputs(2, 6, stream=5)
    for frozen in (None, 0, 3):
        for number, p in enumerate(model.parameters()):
            p.requires_grad_(number != frozen)
        trained = [p for p in model.parameters() if p.requires_grad]

        J = [
            torch.cat([g.flatten() for g in torch.autograd.grad(out, trained, retain_graph=True)])
            for out in model(torch.cat([x, z])).flatten()
        ]
        wanted = (torch.stack(J) @ torch.stack(J).T)[:12, 12:]
        assert torch.allclose(ntk.naive_ntk(model, x, z).reshape(12, 6), wanted, atol=1e-12)
        assert torch.allclose(ntk.naive_ntk(model, x), ntk.naive_ntk(model, x, x), atol=1e-12)


def test_distances_between_kernels():
    kernels = torch.stack([k * torch.eye(3).double() for k in (1.0, 2.0, 5.0)])
    assert ntk.apart(kernels, torch.eye(3).double()) == pytest.approx(1)
    assert ntk.apart(kernels, 2 * kernels) == pytest.approx(0.5)


def test_the_exponent_of_a_power():
    assert ntk.exponent([2, 4, 16], [3 * n**-0.7 for n in (2, 4, 16)]) == pytest.approx(-0.7)
    for sizes, errors in (([2], [1.0]), ([2, 4], [1.0, 0.0]), ([2, 4], [1.0, float("nan")])):
        with pytest.raises(ValueError, match="positive"):
            ntk.exponent(sizes, errors)


DEVICES = ["meta", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_results_live_where_the_inputs_live(device, dtype):
    """Left out are functions that return Python numbers: no value exists on the meta device."""
    x, z, y = (torch.ones(*n, dtype=dtype, device=device) for n in ((4, 3), (2, 3), (4,)))
    layer = {"sigma_b": 0.5, "dtype": dtype, "device": device}
    model = ntk.ntk_mlp([3, 5, 1], **layer)
    K, K_test = ntk.infinite_kernels(x, None, 2)[1], ntk.infinite_kernels(z, x, 2)[1]
    results = [
        *(K, K_test, model(x), ntk.naive_ntk(model, x), ntk.naive_ntk(model, x, z)),
        ntk.linear_prediction(K, K_test, y, y[:2], y, y),
        *ntk.gradient_descent(model, x, y, 0.1, 2),
    ]
    assert {(r.device.type, r.dtype) for r in results} == {(device, dtype)}
