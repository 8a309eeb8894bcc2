"""The NTK chapter's definitions against neural-tangents, autograd's Jacobian and SciPy."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.integrate import quad, solve_ivp
from scipy.linalg import expm
from scipy.stats import multivariate_normal, norm
from torch import nn

from helpers import chapter, seeded

ntk = chapter("ntk")

# Values of neural-tangents, written by the script of the same name.
GOLDEN = np.load(Path(__file__).parent / "golden" / "ntk.npz")
SETTINGS = pytest.mark.parametrize("setting", [0, 1], ids=["no bias", "bias"])
DEPTHS = pytest.mark.parametrize("depth", range(1, 6))

NETWORKS = {
    "dense": (lambda: ntk.ntk_mlp([6, 9, 8, 3], sigma_b=0.4), (7, 6)),
    "dense without bias": (lambda: ntk.ntk_mlp([6, 9, 3]), (7, 6)),
    "torch's layers": (lambda: nn.Sequential(nn.Linear(6, 5), nn.GELU(), nn.Linear(5, 2)), (7, 6)),
    "few places": (
        lambda: nn.Sequential(
            nn.Conv2d(2, 6, 3, stride=2), nn.Tanh(), nn.Flatten(), nn.Linear(24, 3)
        ),
        (5, 2, 6, 6),
    ),
    "many places": (
        lambda: nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.Flatten(), Head(128)),
        (5, 1, 8, 8),
    ),
    "a layer of another kind": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.GroupNorm(2, 4), nn.Tanh(), nn.Flatten(), nn.Linear(64, 2)
        ),
        (5, 1, 6, 6),
    ),
    "a sequence": (
        lambda: nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Flatten(), Head(15)),
        (6, 3, 4),
    ),
}


class Head(nn.Linear):
    """A readout with two outputs."""

    def __init__(self, d_in: int) -> None:
        super().__init__(d_in, 2)


def jacobian_kernel(model: nn.Module, x1: torch.Tensor, x2: torch.Tensor) -> torch.Tensor:
    """The kernel from torch.autograd.functional.jacobian: (N, O, M, O)."""
    names = [name for name, _ in model.named_parameters()]
    values = tuple(p.detach() for p in model.parameters())

    def rows(x: torch.Tensor) -> torch.Tensor:
        def f(*p: torch.Tensor) -> torch.Tensor:
            return torch.func.functional_call(model, dict(zip(names, p)), (x,))

        parts = torch.autograd.functional.jacobian(f, values)
        return torch.cat([part.flatten(2) for part in parts], 2)

    return torch.tensordot(rows(x1), rows(x2), ([2], [2]))


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


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("chunk", [2, 3, 25])
def test_the_empirical_kernel_is_that_of_the_jacobian(name, chunk):
    seeded(2)
    build, shape = NETWORKS[name]
    model, x = build().double(), inputs(*shape)
    z = inputs(4, *shape[1:], stream=3)
    within, between = jacobian_kernel(model, x, x), jacobian_kernel(model, x, z)
    assert torch.allclose(ntk.empirical_ntk(model, x, chunk=chunk), within, rtol=1e-10, atol=1e-10)
    assert torch.allclose(ntk.empirical_ntk(model, x, z, chunk), between, rtol=1e-10, atol=1e-10)
    assert torch.allclose(ntk.naive_ntk(model, x, z), between, rtol=1e-10, atol=1e-10)


def test_both_orders_of_the_sums_are_taken(monkeypatch):
    formed = []
    original = ntk.rows
    monkeypatch.setattr(ntk, "rows", lambda trace: formed.append(trace) or original(trace))
    for name, expected in (("few places", False), ("many places", True)):
        formed.clear()
        build, shape = NETWORKS[name]
        ntk.empirical_ntk(build().double(), inputs(*shape))
        assert bool(formed) == expected, name


def test_a_layer_that_runs_twice_or_never_is_an_error():
    layer = nn.Linear(3, 3)
    with pytest.raises(ValueError, match="run exactly once"):
        ntk.empirical_ntk(nn.Sequential(layer, nn.ReLU(), layer), torch.ones(2, 3))

    class Idle(nn.Sequential):
        def forward(self, x):
            return self[0](x)

    with pytest.raises(ValueError, match="run exactly once"):
        ntk.empirical_ntk(Idle(nn.Linear(3, 3), nn.Linear(3, 3)), torch.ones(2, 3))

    class Forgotten(nn.Sequential):
        def forward(self, x):
            self[1](x)
            return self[0](x)

    with pytest.raises(ValueError, match="do not reach"):
        ntk.empirical_ntk(Forgotten(nn.Linear(3, 3), nn.Linear(3, 3)), torch.ones(2, 3))


def test_work_in_place_does_not_change_the_kernel():
    model = nn.Sequential(nn.Linear(1, 1, False), nn.ReLU(inplace=True), nn.Linear(1, 1, False))
    for parameter in model.parameters():
        nn.init.ones_(parameter)
    x = torch.tensor([[-1.0], [2.0]])
    expected = torch.tensor([[0.0, 0.0], [0.0, 8.0]])
    assert torch.equal(ntk.empirical_ntk(model, x)[:, 0, :, 0], expected)

    first = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(3, 2)).double()
    x = inputs(4, 3)
    kept = x.clone()
    ntk.empirical_ntk(first, x)
    assert torch.equal(x, kept)


FREEZABLE = {
    "dense": (lambda: ntk.ntk_mlp([3, 5, 2], sigma_b=0.4), (4, 3)),
    "torch's": (lambda: nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)), (4, 3)),
    "normalised": (
        lambda: nn.Sequential(nn.LayerNorm(3), nn.Identity(), nn.Linear(3, 2)),
        (4, 3),
    ),
}


@pytest.mark.parametrize("name", FREEZABLE)
@pytest.mark.parametrize("frozen", ["0.weight", "0.bias", "2.weight", "2.bias", "0."])
def test_frozen_parameters_do_not_count(name, frozen):
    build, shape = FREEZABLE[name]
    model, x = build().double(), inputs(*shape)
    values = {key: p.detach() for key, p in model.named_parameters()}
    held = {key: p for key, p in values.items() if key.startswith(frozen)}
    free = [key for key in values if key not in held]

    def f(*p):
        return torch.func.functional_call(model, held | dict(zip(free, p)), (x,))

    parts = torch.autograd.functional.jacobian(f, tuple(values[key] for key in free))
    J = torch.cat([part.flatten(2) for part in parts], 2)
    for key, parameter in model.named_parameters():
        parameter.requires_grad_(key in free)
    expected = torch.tensordot(J, J, ([2], [2]))
    assert torch.allclose(ntk.empirical_ntk(model, x), expected)
    assert torch.allclose(ntk.naive_ntk(model, x, x), expected)
    with torch.no_grad():
        assert torch.allclose(ntk.empirical_ntk(model, x), expected)


def test_a_shared_parameter_is_an_error():
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False))
    model[1].weight = model[0].weight
    nn.init.ones_(model[0].weight)
    x = torch.ones(1, 1)
    with pytest.raises(ValueError, match="share a parameter; use naive_ntk"):
        ntk.empirical_ntk(model, x)
    assert ntk.naive_ntk(model, x, x).item() == 4


class Double(nn.Linear):
    """A layer of another kind, although its class is a dense layer's."""

    def forward(self, x):
        return 2 * super().forward(x)


class Named(nn.Sequential):
    """A model that calls its layers by keyword."""

    def forward(self, x):
        return self[1](input=self[0](input=x))


OF_OTHER_KINDS = {
    "padding by name": (lambda: nn.Conv2d(1, 2, 3, padding="same"), (3, 1, 4, 4)),
    "padding by reflection": (
        lambda: nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect"),
        (3, 1, 4, 4),
    ),
    "groups": (lambda: nn.Conv2d(2, 4, 3, padding=1, groups=2), (3, 2, 4, 4)),
    "a dense layer's child": (lambda: Double(3, 2), (3, 3)),
    "layers called by keyword": (lambda: Named(nn.Linear(3, 4), nn.Linear(4, 2)), (3, 3)),
    "batch normalisation": (lambda: nn.BatchNorm1d(3).eval(), (3, 3)),
}


@pytest.mark.parametrize("name", OF_OTHER_KINDS)
def test_layers_of_other_kinds_have_the_kernel_of_the_jacobian(name):
    seeded(4)
    build, shape = OF_OTHER_KINDS[name]
    model, x = nn.Sequential(build(), nn.Flatten()).double(), inputs(*shape)
    expected = jacobian_kernel(model, x, x)
    assert torch.allclose(ntk.empirical_ntk(model, x, chunk=2), expected, rtol=1e-10, atol=1e-10)


class First(nn.Sequential):
    """The first of a tuple that a layer returns."""

    def forward(self, x):
        return self[0](x)[0].flatten(1)


UNKNOWN = {
    "GRU must map": (lambda: First(nn.GRU(3, 2, batch_first=True)), (2, 4, 3)),
    "Bilinear must map": (lambda: Pair(nn.Bilinear(3, 3, 2)), (2, 3)),
    "Linear must map": (
        lambda: nn.Sequential(Swap(), nn.Linear(3, 2), Swap(), nn.Flatten()),
        (2, 4, 3),
    ),
    "ParametrizationList must map": (
        lambda: nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)),
        (2, 3),
    ),
    "outputs must be": (lambda: nn.Linear(3, 2), (2, 4, 3)),
    "requires a gradient": (lambda: nn.Flatten(), (2, 3)),
    "batch normalisation": (lambda: nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)), (2, 3)),
    "and dropout": (lambda: nn.Sequential(nn.Linear(3, 4), nn.Dropout()), (2, 3)),
}


class Pair(nn.Sequential):
    """A layer of two inputs."""

    def forward(self, x):
        return self[0](x, x)


class Swap(nn.Module):
    """Samples are no longer the first dimension."""

    def forward(self, x):
        return x.transpose(0, 1)


@pytest.mark.parametrize("message", UNKNOWN)
def test_a_model_that_is_not_known_is_an_error(message):
    build, shape = UNKNOWN[message]
    with pytest.raises(ValueError, match=message):
        ntk.empirical_ntk(build(), torch.ones(shape))


def test_empty_sets_and_blocks_of_the_kernel():
    model, x = ntk.ntk_mlp([6, 4, 2]), inputs(3, 6)
    assert ntk.empirical_ntk(model, x, x[:0]).shape == (3, 2, 0, 2)
    assert ntk.infinite_kernels(x, x[:0])[1].shape == (3, 0)
    with pytest.raises(ValueError, match="chunk=-1"):
        ntk.empirical_ntk(model, x, chunk=-1)


def test_the_pseudo_kernel_averages_over_all_pairs_of_outputs():
    seeded(4)
    model, x, z = ntk.ntk_mlp([6, 20, 5], sigma_b=0.3), inputs(4, 6), inputs(3, 6, stream=5)
    full = ntk.empirical_ntk(model, x, z)
    assert torch.allclose(ntk.pseudo_ntk(model, x, z), full.sum((1, 3)) / 5)


@pytest.fixture
def flow():
    """A kernel on 5 + 2 points, first outputs, targets."""
    A = inputs(7, 9, stream=6)
    K, f0, y = A @ A.T / 9, inputs(7, stream=7), inputs(5, stream=8)
    return K[:5, :5], K[5:, :5], f0[:5], f0[5:], y


def test_linear_training_is_the_matrix_exponential(flow):
    K, _, f0, _, y = flow
    times = torch.tensor([0.0, 0.3, 2.0, 50.0], dtype=torch.float64)
    for t, f in zip(times, ntk.linear_training(K, f0, y, times)):
        expected = y.numpy() + expm(-t.item() * K.numpy()) @ (f0 - y).numpy()
        assert np.abs(f.numpy() - expected).max() < 1e-10


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
    trained = ntk.linear_training(K, zeros, y, times)
    fitted = K @ torch.linalg.pinv(K, rtol=1e-12) @ y
    assert torch.allclose(trained[2], fitted) and torch.allclose(trained[3], fitted)


def test_a_singular_kernel_of_many_points_stays_finite():
    x, _ = ntk.circle(8)
    K, y = ntk.infinite_kernels(x)[1], inputs(8)
    times = torch.tensor([1.0, 1e3, 1e17]).double()
    for kernel in (K, torch.ones(8, 8).double(), torch.zeros(8, 8).double()):
        seen = ntk.linear_prediction(kernel, kernel, 0 * y, 0 * y, y, times)
        assert torch.allclose(seen, ntk.linear_training(kernel, 0 * y, y, times), atol=1e-10)
        assert seen.abs().max() <= 2 * y.norm()


def test_targets_of_another_shape_are_an_error():
    x, y = inputs(5, 6), inputs(5, stream=8)
    K, times = torch.eye(5).double(), torch.ones(2).double()
    with pytest.raises(ValueError, match=r"must both be \(N,\)"):
        ntk.linear_training(K, y, y[:, None], times)
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
    K = ntk.empirical_ntk(model, x)[:, 0, :, 0]
    f0, step = model(x)[:, 0].detach(), 1e-4
    history = torch.stack(ntk.gradient_descent(model, x, y, step, 3000))
    times = step * torch.arange(3000, dtype=torch.float64)
    assert (history - ntk.linear_training(K, f0, y, times)).abs().max() < 1e-3


def test_a_wide_network_trains_as_its_infinite_limit_says():
    seeded(10)
    x, _ = ntk.circle(6)
    y = inputs(6, stream=11)
    K = ntk.infinite_kernels(x, None, 1, sigma_b=0.5)[1]
    step = 0.02 / torch.linalg.eigvalsh(K)[-1].item()
    model = ntk.ntk_mlp([2, 20_000, 1], sigma_b=0.5)
    f = torch.stack(ntk.gradient_descent(model, x, y, step, 300))
    times = step * torch.arange(300, dtype=torch.float64)
    gap = (f - ntk.linear_training(K, f[0], y, times)).norm(dim=1).max()
    assert gap < 0.05 * (f[0] - y).norm()


def test_a_run_that_learns_nothing_has_one_kernel_and_one_that_learns_has_two():
    seeded(12)
    x, y = inputs(4, 3), inputs(4, stream=2)
    idle = ntk.watch(8, x, y, x[:2], 0.0, (0, 3), sigma_b=0.5)
    assert torch.equal(idle.before, idle.after) and torch.equal(idle.f[0], idle.f[-1])
    run = ntk.watch(8, x, y, x[:2], 0.01, (0, 3), sigma_b=0.5)
    assert run.f.shape == (4, 4) and run.f_line.shape == (2, 2)
    assert torch.allclose(run.f_line, run.f[[0, 3]][:, :2])
    assert 1e-4 < ntk.apart(run.after[None], run.before[None]) < 0.5
    with pytest.raises(ValueError, match="must rise from 0"):
        ntk.watch(8, x, y, x[:2], 0.01, (5, 3))


def test_the_worst_moment_is_the_largest_distance():
    K, y, times = torch.eye(2).double(), torch.zeros(2).double(), torch.arange(3).double()
    closed = torch.exp(-times)[:, None] * torch.tensor([3.0, 4.0])
    shifts = torch.tensor([[0.0, 0.0], [0.0, 2.0], [1.0, 0.0]]).double()
    run = ntk.Run(closed + shifts, closed, K, K)
    assert ntk.worst_moment(run, K, y, times) == pytest.approx(2 / 5)


def test_the_error_of_a_mean_falls_with_the_root_of_the_draws():
    x = inputs(3, 2)
    seeded(13)
    mean, error = ntk.average_kernel(x, 6, 1, 40, 0.5)
    seeded(13)
    nets = [ntk.ntk_mlp([2, 6, 1], sigma_b=0.5) for _ in range(40)]
    kernels = torch.stack([ntk.naive_ntk(net, x, x)[:, 0, :, 0] for net in nets])
    assert torch.allclose(mean, kernels.mean(0))
    assert torch.allclose(error, kernels.var(0).sqrt() / 40**0.5)
    with pytest.raises(ValueError, match="draws=1"):
        ntk.average_kernel(x, 6, 1, 1, 0.5)


def test_kernel_regression_goes_through_its_points():
    A, targets = inputs(5, 8), inputs(5, 2, stream=2)
    assert torch.allclose(ntk.regress(A @ A.T, A @ A.T, targets), targets, atol=1e-3)
    K, ridge = A @ A.T, 0.3
    penalty = ridge * K.diagonal().mean() * torch.eye(5).double()
    expected = K[:2] @ torch.linalg.inv(K + penalty) @ targets
    assert torch.allclose(ntk.regress(K, K[:2], targets, ridge), expected)


def test_distances_between_kernels():
    kernels = torch.stack([k * torch.eye(3).double() for k in (1.0, 2.0, 5.0)])
    assert ntk.apart(kernels, torch.eye(3).double()) == pytest.approx(1)
    assert ntk.apart(kernels, 2 * kernels) == pytest.approx(0.5)
    assert ntk.pairs_apart(kernels) == pytest.approx(0.6)  # of 1/2, 4/5 and 3/5
    full = torch.zeros(2, 2, 2, 2).double()
    full[:, 0, :, 0] = full[:, 1, :, 1] = torch.tensor([[2.0, 1.0], [1.0, 3.0]])
    assert ntk.outputs_apart(full, full[:, 0, :, 0]) == 0
    assert ntk.outputs_apart(full, 0.5 * full[:, 0, :, 0]) == pytest.approx(0.5)
    full[0, 0, 1, 1] = 5**0.5
    assert ntk.outputs_apart(full, full[:, 0, :, 0]) == pytest.approx((5 / 35) ** 0.5)


def test_the_exponent_of_a_power():
    assert ntk.slope([2, 4, 16], [3 * n**-0.7 for n in (2, 4, 16)]) == pytest.approx(-0.7)
    for sizes, errors in (([2], [1.0]), ([2, 4], [1.0, 0.0]), ([2, 4], [1.0, float("nan")])):
        with pytest.raises(ValueError, match="positive"):
            ntk.slope(sizes, errors)


@pytest.mark.parametrize("value", [0.3, 2.0])
def test_the_rate_of_gradient_descent_is_the_eigenvalue(value):
    residual = -3 * (1 - 0.2 * value) ** torch.arange(20).double()
    assert ntk.decay_rate(residual, 0.2, 7) == pytest.approx(value)


def test_a_turned_readout_has_the_sum_as_its_first_output():
    model, x = ntk.ntk_mlp([6, 7, 4]), inputs(3, 6)
    first, total = ntk.turned(model)(x)[:, 0], ntk.SumOfLogits(model)(x)[:, 0]
    assert torch.allclose(first.abs(), total.abs())
    assert torch.allclose(ntk.turned(model)(x).norm(dim=1), model(x).norm(dim=1))


def test_both_regressions_are_those_of_the_whole_kernels():
    model, x, z = ntk.ntk_mlp([6, 9, 3]), inputs(4, 6), inputs(2, 6, stream=5)
    targets = inputs(4, 3, stream=6)
    full, small = ntk.two_regressions(model, x, targets, z)
    K = ntk.naive_ntk(model, x, x).reshape(12, 12)
    K_test = ntk.naive_ntk(model, z, x).reshape(6, 12)
    expected = ntk.regress(K, K_test, targets.reshape(12)).view(2, 3)
    assert torch.allclose(full, expected)
    kernels = ntk.pseudo_ntk(model, x), ntk.pseudo_ntk(model, z, x)
    assert torch.allclose(small, ntk.regress(*kernels, targets))


DEVICES = ["meta", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_results_live_where_the_inputs_live(device, dtype):
    """Left out are functions that return Python numbers: no value exists on the meta device."""
    x, z, y = (torch.ones(*n, dtype=dtype, device=device) for n in ((4, 3), (2, 3), (4,)))
    layer = {"sigma_b": 0.5, "dtype": dtype, "device": device}
    model = ntk.ntk_mlp([3, 5, 1], **layer)
    K, K_test = ntk.infinite_kernels(x, None, 2)[1], ntk.infinite_kernels(z, x, 2)[1]
    convolution = nn.Sequential(nn.Conv2d(1, 2, 2), nn.GroupNorm(1, 2), nn.Flatten())
    square = torch.ones(2, 1, 3, 3, dtype=dtype, device=device)
    results = [
        *(K, K_test, model(x), ntk.empirical_ntk(model, x), ntk.naive_ntk(model, x, z)),
        ntk.pseudo_ntk(ntk.ntk_mlp([3, 5, 2], **layer), x),
        ntk.empirical_ntk(convolution.to(device, dtype), square),
        ntk.linear_training(K, y, y, y),
        ntk.linear_prediction(K, K_test, y, y[:2], y, y),
        *ntk.gradient_descent(model, x, y, 0.1, 2),
        *ntk.watch(5, x, y, z, 0.1, (0, 2), sigma_b=0.5),
        *ntk.average_kernel(x, 5, 2, 2, 0.5),
        ntk.regress(K, K_test, y[:, None]),
        ntk.turned(ntk.ntk_mlp([3, 5, 2], **layer))(x),
    ]
    assert {(r.device.type, r.dtype) for r in results} == {(device, dtype)}
