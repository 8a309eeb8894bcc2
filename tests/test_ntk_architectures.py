"""Kernels of architectures against autograd's Jacobian, wide networks and numbers by hand."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from helpers import chapter, seeded

ntk, page = chapter("ntk"), chapter("ntk/architectures")

# Values of neural-tangents, written by the script of the same name.
GOLDEN = np.load(Path(__file__).parent / "golden" / "ntk.npz")


def inputs(*shape: int, stream: int = 1) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=seeded(stream).torch)


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


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("chunk", [2, 3, 25])
def test_the_empirical_kernel_is_that_of_the_jacobian(name, chunk):
    seeded(2)
    build, shape = NETWORKS[name]
    model, x = build().double(), inputs(*shape)
    z = inputs(4, *shape[1:], stream=3)
    within, between = jacobian_kernel(model, x, x), jacobian_kernel(model, x, z)
    assert torch.allclose(page.empirical_ntk(model, x, chunk=chunk), within, rtol=1e-10, atol=1e-10)
    assert torch.allclose(page.empirical_ntk(model, x, z, chunk), between, rtol=1e-10, atol=1e-10)
    assert torch.allclose(ntk.naive_ntk(model, x, z), between, rtol=1e-10, atol=1e-10)


def test_both_orders_of_the_sums_are_taken(monkeypatch):
    formed = []
    original = page.rows
    monkeypatch.setattr(page, "rows", lambda trace: formed.append(trace) or original(trace))
    for name, expected in (("few places", False), ("many places", True)):
        formed.clear()
        build, shape = NETWORKS[name]
        page.empirical_ntk(build().double(), inputs(*shape))
        assert bool(formed) == expected, name


def test_a_layer_that_runs_twice_or_never_is_an_error():
    layer = nn.Linear(3, 3)
    with pytest.raises(ValueError, match="run exactly once"):
        page.empirical_ntk(nn.Sequential(layer, nn.ReLU(), layer), torch.ones(2, 3))

    class Idle(nn.Sequential):
        def forward(self, x):
            return self[0](x)

    with pytest.raises(ValueError, match="run exactly once"):
        page.empirical_ntk(Idle(nn.Linear(3, 3), nn.Linear(3, 3)), torch.ones(2, 3))

    class Forgotten(nn.Sequential):
        def forward(self, x):
            self[1](x)
            return self[0](x)

    with pytest.raises(ValueError, match="do not reach"):
        page.empirical_ntk(Forgotten(nn.Linear(3, 3), nn.Linear(3, 3)), torch.ones(2, 3))


def test_work_in_place_does_not_change_the_kernel():
    model = nn.Sequential(nn.Linear(1, 1, False), nn.ReLU(inplace=True), nn.Linear(1, 1, False))
    for parameter in model.parameters():
        nn.init.ones_(parameter)
    x = torch.tensor([[-1.0], [2.0]])
    expected = torch.tensor([[0.0, 0.0], [0.0, 8.0]])
    assert torch.equal(page.empirical_ntk(model, x)[:, 0, :, 0], expected)

    first = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(3, 2)).double()
    x = inputs(4, 3)
    kept = x.clone()
    page.empirical_ntk(first, x)
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
    assert torch.allclose(page.empirical_ntk(model, x), expected)
    assert torch.allclose(ntk.naive_ntk(model, x, x), expected)
    with torch.no_grad():
        assert torch.allclose(page.empirical_ntk(model, x), expected)


def test_a_shared_parameter_is_an_error():
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False))
    model[1].weight = model[0].weight
    nn.init.ones_(model[0].weight)
    x = torch.ones(1, 1)
    with pytest.raises(ValueError, match="share a parameter; use naive_ntk"):
        page.empirical_ntk(model, x)
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
    assert torch.allclose(page.empirical_ntk(model, x, chunk=2), expected, rtol=1e-10, atol=1e-10)


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
        page.empirical_ntk(build(), torch.ones(shape))


def test_empty_sets_and_blocks_of_the_kernel():
    model, x = ntk.ntk_mlp([6, 4, 2]), inputs(3, 6)
    assert page.empirical_ntk(model, x, x[:0]).shape == (3, 2, 0, 2)
    assert ntk.infinite_kernels(x, x[:0])[1].shape == (3, 0)
    with pytest.raises(ValueError, match="chunk=-1"):
        page.empirical_ntk(model, x, chunk=-1)


def test_the_pseudo_kernel_averages_over_all_pairs_of_outputs():
    seeded(4)
    model, x, z = ntk.ntk_mlp([6, 20, 5], sigma_b=0.3), inputs(4, 6), inputs(3, 6, stream=5)
    full = page.empirical_ntk(model, x, z)
    assert torch.allclose(page.pseudo_ntk(model, x, z), full.sum((1, 3)) / 5)


def test_kernel_regression_goes_through_its_points():
    A, targets = inputs(5, 8), inputs(5, 2, stream=2)
    assert torch.allclose(page.regress(A @ A.T, A @ A.T, targets), targets, atol=1e-3)
    K, ridge = A @ A.T, 0.3
    penalty = ridge * K.diagonal().mean() * torch.eye(5).double()
    expected = K[:2] @ torch.linalg.inv(K + penalty) @ targets
    assert torch.allclose(page.regress(K, K[:2], targets, ridge), expected)


def test_a_turned_readout_has_the_sum_as_its_first_output():
    model, x = ntk.ntk_mlp([6, 7, 4]), inputs(3, 6)
    first, total = page.turned(model)(x)[:, 0], page.SumOfLogits(model)(x)[:, 0]
    assert torch.allclose(first.abs(), total.abs())
    assert torch.allclose(page.turned(model)(x).norm(dim=1), model(x).norm(dim=1))


def test_both_regressions_are_those_of_the_whole_kernels():
    model, x, z = ntk.ntk_mlp([6, 9, 3]), inputs(4, 6), inputs(2, 6, stream=5)
    targets = inputs(4, 3, stream=6)
    full, small = page.two_regressions(model, x, targets, z)
    K = ntk.naive_ntk(model, x, x).reshape(12, 12)
    K_test = ntk.naive_ntk(model, z, x).reshape(6, 12)
    expected = page.regress(K, K_test, targets.reshape(12)).view(2, 3)
    assert torch.allclose(full, expected)
    kernels = page.pseudo_ntk(model, x), page.pseudo_ntk(model, z, x)
    assert torch.allclose(small, page.regress(*kernels, targets))


@pytest.mark.parametrize("end", ["flattened", "pooled"])
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("setting", [0, 1])
def test_convolutional_kernels_are_those_of_neural_tangents(end, depth, setting):
    images = (torch.tensor(GOLDEN[name]) for name in ("images1", "images2"))
    kernels = page.flattened_kernels if end == "flattened" else page.pooled_kernels
    sigma_w, sigma_b = GOLDEN["settings"][setting]
    ours = kernels(*images, depth, sigma_w=sigma_w, sigma_b=sigma_b)
    for kernel, golden in zip(ours, GOLDEN[end][:, depth - 1, setting]):
        assert np.abs(kernel.numpy() / golden - 1).max() < 1e-12


def test_convolutional_kernels_of_constant_zero_and_moved_images():
    x = inputs(2, 1, 4, 4)
    moved = x.roll((1, 3), (2, 3))
    assert torch.allclose(page.pooled_kernels(x, moved)[1], page.pooled_kernels(x, x)[1])
    assert not torch.allclose(page.flattened_kernels(x, moved)[1], page.flattened_kernels(x, x)[1])
    flat = torch.ones(1, 3, 4, 4).double()  # every place sees the same: a dense network's kernel
    dense = ntk.infinite_kernels(torch.ones(1, 3).double(), None, 2, sigma_b=0.7)
    for kernels in (page.flattened_kernels, page.pooled_kernels):
        ours = kernels(flat, flat, 2, sigma_b=0.7)
        assert all(a.item() == pytest.approx(b.item()) for a, b in zip(ours, dense))
        assert (torch.stack(kernels(0 * x, x)) == 0).all()
    assert page.flattened_kernels(x[:0], x)[1].shape == (0, 2)


def test_the_cost_of_both_orders_is_what_they_multiply():
    assert page.multiplications(3, 5, 7, 2) == (9 * 14, 25 * 7 + 30 * 5 + 18 * 5)


def test_how_far_a_full_kernel_is_from_equal_blocks():
    full = torch.zeros(2, 2, 2, 2).double()
    full[:, 0, :, 0] = full[:, 1, :, 1] = torch.tensor([[2.0, 1.0], [1.0, 3.0]])
    assert page.outputs_apart(full, full[:, 0, :, 0]) == 0
    assert page.outputs_apart(full, 0.5 * full[:, 0, :, 0]) == pytest.approx(0.5)
    full[0, 0, 1, 1] = 5**0.5
    assert page.outputs_apart(full, full[:, 0, :, 0]) == pytest.approx((5 / 35) ** 0.5)


DEVICES = ["meta", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_results_live_where_the_inputs_live(device, dtype):
    """Left out are functions that return Python numbers: no value exists on the meta device."""
    x, y = (torch.ones(*n, dtype=dtype, device=device) for n in ((4, 3), (4,)))
    layer = {"sigma_b": 0.5, "dtype": dtype, "device": device}
    convolution = nn.Sequential(nn.Conv2d(1, 2, 2), nn.GroupNorm(1, 2), nn.Flatten())
    square = torch.ones(2, 1, 3, 3, dtype=dtype, device=device)
    model = ntk.ntk_mlp([3, 5, 2], **layer)
    small = page.pseudo_ntk(model, x)
    results = [
        *(small, page.empirical_ntk(model, x), page.turned(model)(x)),
        page.empirical_ntk(convolution.to(device, dtype), square),
        page.regress(small, small, y[:, None]),
    ]
    assert {(r.device.type, r.dtype) for r in results} == {(device, dtype)}
