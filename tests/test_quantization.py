"""Quantisation, down to one bit, against torch, SciPy, three packages, and exhaustive search."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.sparse.csgraph import minimum_spanning_tree

from helpers import chapter, data, seeded

quantization = chapter("quantization")
binary = chapter("quantization/binary")

# Dequantised weights of torchao, quanto and brevitas, written by the script of the same name.
GOLDEN = np.load(Path(__file__).parent / "golden" / "quantization.npz")
MILLIONS = 10_000_000
NO_ENDS = quantization.Grid(torch.ones(1, 1), torch.zeros(1, 1), -99, 99)

# scale, zero point, least and greatest code
GRIDS = [
    (0.05, 0, -128, 127),
    (0.0371, -7, -128, 127),
    (0.1, 113, 0, 255),
    (0.3, -2, -8, 7),
    (1.0, 3, 0, 7),
]


def same_bits(a: torch.Tensor, b: torch.Tensor) -> bool:
    return torch.equal(a.view(torch.int32), b.view(torch.int32))


def normal(*shape: int, stream: int) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=seeded(stream).torch)


# The quantiser


@pytest.fixture(scope="module")
def numbers() -> torch.Tensor:
    """1e7 numbers: most random, some far outside of any range, some ties of every grid above."""
    x = 4 * torch.randn(MILLIONS, generator=seeded(1).torch)
    x[:1000] *= 1e3
    halves = torch.arange(-200, 200) + 0.5
    ties = torch.cat([halves * scale for scale, *_ in GRIDS])
    x[1000 : 1000 + len(ties)] = ties
    return x


@pytest.mark.parametrize(("scale", "zero", "low", "high"), GRIDS)
def test_fake_quantisation_is_torchs_to_the_last_bit(numbers, scale, zero, low, high):
    theirs = torch.fake_quantize_per_tensor_affine(numbers, scale, zero, low, high)
    grid = quantization.Grid(torch.tensor(scale), torch.tensor(zero), low, high)
    assert same_bits(quantization.fake_quantise(numbers, grid), theirs)
    assert theirs.unique().numel() == high - low + 1


@pytest.mark.parametrize("rows", [10, 1000])
def test_fake_quantisation_per_channel_is_torchs_to_the_last_bit(numbers, rows):
    x, rng = numbers.view(rows, -1), seeded(2)
    scale = torch.rand(rows, generator=rng.torch) / 5 + 1e-3
    zero = torch.randint(-100, 100, (rows,), generator=rng.torch)
    theirs = torch.fake_quantize_per_channel_affine(x, scale, zero.int(), 0, -128, 127)
    grid = quantization.Grid(scale[:, None], zero[:, None], -128, 127)
    assert same_bits(grid(x), theirs)


@pytest.mark.parametrize(("scale", "zero", "low", "high"), GRIDS)
def test_the_straight_through_gradient_is_torchs(numbers, scale, zero, low, high):
    grid = quantization.Grid(torch.tensor(scale), torch.tensor(zero), low, high)
    gradients = []
    for rule in (
        lambda x: quantization.straight_through(x, grid),
        lambda x: torch.fake_quantize_per_tensor_affine(x, scale, zero, low, high),
    ):
        x = numbers[:100_000].clone().requires_grad_()
        rounded = rule(x)
        gradients.append(torch.autograd.grad((rounded * rounded.detach().cos()).sum(), x)[0])
    assert torch.equal(*gradients)
    assert 0 < (gradients[0] == 0).sum() < 100_000


def by_rows(W: torch.Tensor, most: float, low: int, high: int, per: str | int) -> torch.Tensor:
    """Round with the scale `largest magnitude / most` for each row of the granularity."""
    R = quantization.rows(W, per)
    scale = R.abs().amax(-1, keepdim=True) / most
    grid = quantization.Grid(scale, torch.zeros_like(scale), low, high)
    return grid(R).reshape(W.shape)


def moved(W: torch.Tensor) -> torch.Tensor:
    """16 levels from the least to the greatest entry of each row."""
    least = W.amin(1, keepdim=True)
    scale = (W.amax(1, keepdim=True) - least) / 15
    return quantization.Grid(scale, torch.zeros_like(scale), 0, 15)(W - least) + least


RULES = {
    "torchao_int8": lambda W: by_rows(W, 127.5, -128, 127, "channel"),
    "torchao_int4": lambda W: by_rows(W, 7.5, -8, 7, 32),
    "quanto_int8": lambda W: quantization.quantise_weights(W, 8),
    "quanto_int4": moved,
    "brevitas_int8": lambda W: quantization.quantise_weights(W, 8, "tensor"),
    "brevitas_int4": lambda W: quantization.quantise_weights(W, 4, "channel"),
}


@pytest.mark.parametrize("package", RULES)
def test_dequantised_weights_are_those_of_the_packages(package):
    """To the last bit; adding 0 removes the sign from the negative zeros of brevitas."""
    W, theirs = torch.tensor(GOLDEN["W"]), torch.tensor(GOLDEN[package])
    assert same_bits(RULES[package](W), theirs + 0.0)


def test_the_packages_rules_are_not_the_same():
    values = [GOLDEN[package] for package in RULES]
    assert not any(np.array_equal(a, b) for a, b in itertools.combinations(values, 2))


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("shift", [-0.8, 0.0, 0.7, 5.0])
def test_the_affine_range_is_that_of_torchs_observer(bits, shift):
    x = torch.randn(1, 500, generator=seeded(3).torch) + shift
    top = 2**bits - 1
    low, high = min(0, x.min().item()), max(0, x.max().item())
    grid = quantization.calibrate(x, bits, symmetric=False)
    scale = (high - low) / top
    assert grid.scale.item() == pytest.approx(scale, rel=1e-6)
    apart = [abs((0 - z) * scale - low) + abs((top - z) * scale - high) for z in range(top + 1)]
    assert grid.zero.item() == np.argmin(apart)
    assert quantization.to_integers(torch.zeros(1), grid).item() == grid.zero.item()
    assert quantization.fake_quantise(torch.zeros(1), grid).item() == 0


@pytest.mark.parametrize("bits", [2, 3, 8])
def test_symmetric_levels_mirror_each_other_and_reach_the_bound(bits):
    x = torch.randn(5, 400, generator=seeded(4).torch)
    grid = quantization.calibrate(x, bits)
    levels = quantization.to_reals(torch.arange(grid.low, grid.high + 1), grid)
    assert torch.equal(levels, -levels.flip(1)) and levels.shape == (5, 2**bits - 1)
    assert torch.allclose(levels[:, -1], x.abs().amax(1))
    assert torch.equal(
        quantization.symmetric_grid(torch.zeros(1), bits)(torch.zeros(3)), x[0, :3] * 0
    )


def test_rows_share_a_scale_as_they_should():
    W = torch.arange(2 * 3 * 8.0).view(2, 3, 8) - 20
    for per, groups in (
        ("tensor", [[W[k]] for k in range(2)]),
        ("channel", [[W[k, i] for i in range(3)] for k in range(2)]),
        (4, [[[W[k, i, :4], W[k, i, 4:]] for i in range(3)] for k in range(2)]),
    ):
        scale = quantization.calibrate(quantization.rows(W, per), 4).scale[..., 0]
        wanted = [
            [
                [g.abs().max() / 7 for g in part] if per == 4 else part.abs().max() / 7
                for part in one
            ]
            for one in groups
        ]
        assert torch.equal(scale, torch.tensor(wanted)), per
        assert quantization.quantise_weights(W, 4, per).shape == W.shape


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("bits", [2, 3, 5])
def test_the_best_clip_is_that_of_a_search_in_numpy(bits, symmetric):
    x = normal(4, 300, stream=5)
    x[1] = x[1].abs() ** 3
    found = quantization.mse_grid(x, bits, symmetric)
    for i, row in enumerate(x.numpy()):
        errors = []
        for clip in np.arange(1, 81) / 80:
            if symmetric:
                s, low = clip * abs(row).max() / (2 ** (bits - 1) - 1), -(2 ** (bits - 1) - 1)
                z, high = 0, -low
            else:
                a, b = clip * min(row.min(), 0), clip * max(row.max(), 0)
                s, low, high = (b - a) / (2**bits - 1), 0, 2**bits - 1
                z = np.rint(-a / s)
            q = np.clip(np.rint(row / s) + z, low, high)
            errors.append((((q - z) * s - row) ** 2).sum())
        error = (found(x)[i] - x[i]).square().sum().item()
        assert error == pytest.approx(min(errors), rel=1e-9)


def test_percentiles_are_numpys():
    x = normal(3, 1001, stream=6)
    symmetric = quantization.percentile_grid(x, 4, 0.9)
    wanted = np.quantile(np.abs(x.numpy()), 0.9, axis=1, keepdims=True) / 7
    assert np.allclose(symmetric.scale, wanted, rtol=1e-12)
    affine = quantization.percentile_grid(x, 4, 0.9, symmetric=False)
    ends = np.quantile(x.numpy(), [0.05, 0.95], axis=1)
    assert np.allclose(affine.scale[:, 0], (ends[1] - ends[0]) / 15, rtol=1e-12)


def test_the_sign_quantisers_scale_is_the_least_squares_one():
    x = normal(3, 200, stream=7)
    x[0, 0] = 0
    signs = quantization.calibrate(x, 1)
    tried = torch.linspace(0, 3, 30_001, dtype=torch.float64)
    for row, scale in zip(x, signs.scale[:, 0]):
        sides = torch.where(row < 0, -1.0, 1.0)
        errors = (row - tried[:, None] * sides).square().sum(1)
        assert scale.item() == pytest.approx(tried[errors.argmin()].item(), abs=1e-4)
    assert (signs(x).abs() == signs.scale).all() and signs(x)[0, 0] > 0


PRECISIONS = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("symmetric", [True, False])
def test_rows_of_zeros_stay_zero_in_every_precision(dtype, symmetric):
    R = torch.zeros(2, 6, dtype=dtype)
    R[1] = torch.arange(-3, 3)
    for grid in (
        quantization.calibrate(R, 4, symmetric),
        quantization.mse_grid(R, 4, symmetric),
        quantization.percentile_grid(R, 4, 1, symmetric),
    ):
        assert (grid(R)[0] == 0).all() and (grid(R)[1] - R[1]).abs().max() < 0.5
        assert (1 / grid.scale).isfinite().all() and grid.scale.dtype == dtype
        assert grid.scale[0] == 1, "a range of nothing has the step 1"


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_the_least_range_of_a_precision_has_a_grid(dtype):
    least = torch.full((1, 1), torch.finfo(dtype).tiny, dtype=dtype)
    for grid in (quantization.symmetric_grid(least, 8), quantization.affine_grid(-least, least, 8)):
        assert grid(torch.tensor([[0.0, 1.0]], dtype=dtype)).isfinite().all()


@pytest.mark.parametrize(("dtype", "size"), [(torch.float16, 1e-4), (torch.float32, 1e-25)])
def test_the_best_clip_of_small_weights_is_that_of_large_ones(dtype, size):
    R = (normal(5, 400, stream=60) * size).to(dtype)
    found = quantization.mse_grid(R, 3).scale.double()
    wanted = quantization.mse_grid(R.double() / size, 3).scale * size
    assert torch.allclose(found, wanted, rtol=0.02, atol=0)


def test_quantiles_are_torchs_and_have_no_largest_size():
    R = normal(4, 37, stream=61)
    R[2, 5] = math.nan
    shares = (0.0, 0.3, 0.5, 0.925, 1.0)
    for share, ours in zip(shares, quantization.quantiles(R, *shares)):
        assert torch.allclose(ours, R.quantile(share, -1, keepdim=True), equal_nan=True)
    assert quantization.quantiles(R.half(), 0.5)[0].dtype == torch.float16
    many = torch.rand(1, 2**24 + 5, generator=seeded(62).torch)
    grid = quantization.percentile_grid(many, 8, 0.99)
    assert grid.scale.item() * 127 == pytest.approx(0.99, abs=1e-3)


def test_a_weight_that_is_not_a_number_is_not_hidden():
    x = torch.tensor([[1.0, math.nan, -2.0]])
    signs = quantization.Signs(torch.full((1, 1), 0.5))
    assert signs(x)[0, 0] == 0.5 and signs(x)[0, 2] == -0.5 and signs(x)[0, 1].isnan()
    for grid in (quantization.calibrate, quantization.mse_grid):
        for bits, symmetric in itertools.product((1, 3), (True, False)):
            assert grid(x, bits, symmetric)(x).isnan().any()
    assert quantization.percentile_grid(x, 3, 0.9)(x).isnan().any()


def test_one_entry_and_equal_entries_are_kept():
    for R in (torch.tensor([[-0.7]]), torch.full((1, 9), 3.25)):
        for bits, symmetric in itertools.product((1, 2, 5), (True, False)):
            assert torch.allclose(quantization.calibrate(R, bits, symmetric)(R), R)
            assert torch.allclose(quantization.mse_grid(R, bits, symmetric)(R), R)
            if bits > 1:
                assert torch.allclose(quantization.percentile_grid(R, bits, 0.5, symmetric)(R), R)


ONES, NOTHING = torch.ones(2, 3), torch.zeros(2, 0)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: quantization.symmetric_grid(ONES, 1), "bits=1"),
        (lambda: quantization.affine_grid(ONES, ONES - 2, 4), "low lies above high"),
        (lambda: quantization.affine_grid(-ONES, ONES, 0), "bits=0"),
        (lambda: quantization.calibrate(NOTHING, 4), "R has empty rows"),
        (lambda: quantization.calibrate(NOTHING, 1), "R has empty rows"),
        (lambda: quantization.mse_grid(NOTHING, 4), "R has empty rows"),
        (lambda: quantization.percentile_grid(NOTHING, 4, 0.9), "R has empty rows"),
        (lambda: quantization.percentile_grid(ONES, 1, 0.9), "bits=1"),
        (lambda: quantization.percentile_grid(ONES, 1, 0.9, False), "bits=1"),
        (lambda: quantization.percentile_grid(ONES, 4, 0.0), "share=0.0"),
        (lambda: quantization.percentile_grid(ONES, 4, 99.5, False), "share=99.5"),
        (lambda: quantization.rows(ONES, 2), "per=2"),
        (lambda: quantization.rows(ONES, "channels"), "per='channels'"),
        (lambda: quantization.gptq(ONES, torch.ones(5, 3), NO_ENDS, damp=0), "damp=0"),
    ],
)
def test_what_has_no_grid_is_refused_by_name(call, named):
    with pytest.raises(ValueError, match=named):
        call()


@pytest.mark.parametrize("bits", [2, 3, 4, 5])
def test_the_price_of_rounding_and_clipping_is_the_texts(bits):
    """The error of the grid itself, by an integral over a normal density, at the best clip."""
    x = torch.linspace(-9, 9, 90_001, dtype=torch.float64)
    density = torch.exp(-x.square() / 2) / math.sqrt(2 * math.pi) * (x[1] - x[0])
    clips = torch.linspace(0.6, 3.5, 59, dtype=torch.float64)
    true = torch.stack(
        [
            ((quantization.symmetric_grid(c[None], bits)(x) - x).square() * density).sum()
            for c in clips
        ]
    )
    foreseen = quantization.clip_error(clips, bits)
    assert abs(clips[true.argmin()] - clips[foreseen.argmin()]) <= 0.051
    if bits == 2:
        assert foreseen.min().item() == pytest.approx(0.215, abs=1e-3)
        assert true.min().item() == pytest.approx(0.190, abs=1e-3)
    else:
        assert foreseen.min().item() == pytest.approx(true.min().item(), rel=0.04)


# On other devices


class Elsewhere:
    """One call for each definition that makes or combines tensors, on one device."""

    def __init__(self, device: str):
        self.R = torch.randn(3, 8, dtype=torch.float16).to(device)
        self.W = torch.randn(2, 4, 6, dtype=torch.float64).to(device)
        self.X = torch.randn(2, 20, 6, dtype=torch.float64).to(device)
        one = self.W.new_ones(1, 1)
        self.grid = quantization.Grid(one, one - 1, -9, 9)

    def calls(self) -> dict:
        R, W, X, grid = self.R, self.W, self.X, self.grid
        return {
            "symmetric_grid": (lambda: quantization.symmetric_grid(R.amax(1, True), 4)(R), R),
            "calibrate": (lambda: quantization.calibrate(R, 4)(R), R),
            "Signs": (lambda: quantization.calibrate(R, 1)(R), R),
            "percentile_grid": (lambda: quantization.percentile_grid(R, 4, 0.9)(R), R),
            "mse_grid": (lambda: quantization.mse_grid(R, 4)(R), R),
            "quantise_weights": (lambda: quantization.quantise_weights(R, 4, 2), R),
            "straight_through": (lambda: quantization.straight_through(W, grid), W),
            "path_following": (lambda: quantization.path_following(W, X, X, grid)[1], W),
            "gpfq": (lambda: quantization.gpfq(W, X, X, grid), W),
            "gptq": (lambda: quantization.gptq(W, X, grid), W),
        }

    def asymmetric(self) -> dict:
        """Those that compare two tensors' values, and so need values."""
        R = self.R
        return {
            "affine_grid": (lambda: quantization.calibrate(R, 4, False)(R), R),
            "asymmetric percentiles": (
                lambda: quantization.percentile_grid(R, 4, 0.9, False)(R),
                R,
            ),
        }


def lives_with(made: torch.Tensor, given: torch.Tensor) -> bool:
    return (made.device, made.dtype, made.shape) == (given.device, given.dtype, given.shape)


@pytest.mark.parametrize("name", Elsewhere("cpu").calls())
def test_definitions_make_their_tensors_where_their_inputs_live(name):
    call, given = Elsewhere("meta").calls()[name]
    assert given.is_meta and lives_with(call(), given)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_definitions_run_on_an_accelerator():
    there = Elsewhere("cuda")
    for call, given in (there.calls() | there.asymmetric()).values():
        assert lives_with(call(), given)


@pytest.mark.parametrize("name", Elsewhere("cpu").asymmetric())
def test_asymmetric_grids_keep_the_precision_of_their_numbers(name):
    call, given = Elsewhere("cpu").asymmetric()[name]
    assert lives_with(call(), given)


def test_the_networks_definitions_run_where_its_weights_live():
    nets = quantization.MLP([6, 5, 3], copies=2).to("meta")
    x, y = torch.zeros(4, 6, device="meta"), torch.zeros(4, dtype=torch.long, device="meta")
    assert quantization.cross_entropy(nets, x, y).is_meta
    assert quantization.accuracy(nets, x, y).shape == (2,)
    assert all(X.is_meta for X in quantization.layer_inputs(nets, x))
    rule = quantization.METHODS["GPFQ"]
    done = quantization.quantise_layers(nets, x, lambda W, X, Xq: rule(W, X, Xq, 2))
    assert all(W.is_meta for W in done.weights)
    grids = quantization.activation_grids(nets, x, 8, grid=quantization.calibrate)
    codes = quantization.to_integers(x.expand(2, -1, -1), grids[0])
    made = quantization.integer_forward(quantization.integer_layers(nets, grids), codes.long())
    assert made.is_meta and made.shape == (2, 4, 3)


# Feedback


def literal_gpfq(w, X, Xq, levels) -> np.ndarray:
    """One neuron: each step tries all levels, and keeps the one that leaves the least error."""
    u, q = np.zeros(len(X)), np.zeros(len(w))
    for t in range(len(w)):
        left = u + w[t] * X[:, t] - np.asarray(levels)[:, None] * Xq[:, t]
        best = (left**2).sum(1).argmin()
        u, q[t] = left[best], levels[best]
    return q


def literal_gptq(W, X, grid, damp) -> torch.Tensor:
    """As in the paper: the inverse's Cholesky factor, and updates of the remaining weights."""
    H = X.T @ X
    H = H + damp * H.diagonal().mean() * torch.eye(len(H), dtype=H.dtype)
    U = torch.linalg.cholesky(torch.linalg.inv(H), upper=True)
    W, Q = W.clone(), torch.zeros_like(W)
    for t in range(W.shape[1]):
        Q[:, t : t + 1] = grid(W[:, t : t + 1])
        W[:, t:] -= ((W[:, t] - Q[:, t]) / U[t, t])[:, None] * U[t, t:]
    return Q


@pytest.fixture(scope="module")
def layer():
    """Weights (40, 60), correlated inputs before and after quantisation, (200, 60)."""
    mix = normal(60, 60, stream=8) / 8
    X = (normal(200, 60, stream=9) @ (torch.eye(60, dtype=torch.float64) + mix)).relu()
    return normal(40, 60, stream=10), X, X + 0.2 * normal(200, 60, stream=11)


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 8])
def test_the_gram_form_is_the_walk_and_the_walk_tries_all_levels(layer, bits):
    W, X, Xq = layer
    grid = quantization.mse_grid(W, bits)
    walked, squares = quantization.path_following(W, X, Xq, grid)
    assert torch.equal(quantization.gpfq(W, X, Xq, grid), walked)
    assert torch.allclose(squares[:, -1], (W @ X.T - walked @ Xq.T).square().sum(1))
    for i in range(0, 40, 4):
        if bits == 1:
            levels = grid.scale[i] * torch.tensor([-1.0, 1.0])
        else:
            levels = quantization.to_reals(torch.arange(grid.low, grid.high + 1), grid)[i]
        literal = literal_gpfq(W[i].numpy(), X.numpy(), Xq.numpy(), levels.numpy())
        assert np.array_equal(walked[i].numpy(), literal)


def test_the_gram_form_is_the_walk_on_a_large_layer():
    W, X = normal(64, 256, stream=12), normal(1024, 256, stream=13)
    Xq = X + 0.1 * normal(1024, 256, stream=14)
    grid = quantization.calibrate(W, 3)
    walked, _ = quantization.path_following(W, X, Xq, grid)
    assert (quantization.gpfq(W, X, Xq, grid) != walked).sum() == 0


def test_copies_of_a_layer_are_independent(layer):
    W, X, Xq = layer
    two = [torch.stack([part, part.flip(0) / 2]) for part in layer]
    for both, single in (
        (quantization.gpfq(*two, NO_ENDS), quantization.gpfq(W, X, Xq, NO_ENDS)),
        (quantization.gptq(two[0], two[2], NO_ENDS), quantization.gptq(W, Xq, NO_ENDS)),
    ):
        assert torch.equal(both[0], single)


def test_a_column_without_inputs_is_rounded_to_nearest(layer):
    W, X, _ = layer
    X = X.clone()
    X[:, [0, 17]] = 0
    W = W + 0.3
    for Q in (
        quantization.gpfq(W, X, X, NO_ENDS),
        quantization.path_following(W, X, X, NO_ENDS)[0],
    ):
        assert torch.equal(Q[:, [0, 17]], W[:, [0, 17]].round())


@pytest.mark.parametrize("damp", [0.0, 0.01])
def test_without_inputs_all_is_rounded_to_nearest(layer, damp):
    W, X, _ = layer
    assert torch.equal(quantization.gptq(W, 0 * X, NO_ENDS, damp), W.round())
    assert torch.equal(quantization.gpfq(W, 0 * X, 0 * X, NO_ENDS), W.round())
    X = X.clone()
    X[:, 17] = 0
    assert torch.equal(quantization.gptq(W, X, NO_ENDS, damp)[:, 17], W[:, 17].round())


def test_equal_columns_share_what_they_round_off(layer):
    """Two equal inputs: their levels' sum is off by at most half a step; float32 as float64."""
    w, x = layer[0][:, :1].repeat(1, 2) + 0.3, layer[1][:, :1].repeat(1, 2)
    for dtype in (torch.float64, torch.float32):
        W, X = w.to(dtype), x.to(dtype)
        for Q in (quantization.gpfq(W, X, X, NO_ENDS), quantization.gptq(W, X, NO_ENDS)):
            assert (Q - W).sum(1).abs().max() <= 0.52
    assert (NO_ENDS(w) - w).sum(1).abs().max() > 0.9


def test_an_input_that_is_not_a_number_is_not_hidden(layer):
    W, X, _ = layer
    X = X.clone()
    X[3, 0] = math.nan
    assert quantization.gpfq(W, X, X, NO_ENDS).isnan().all()
    assert quantization.path_following(W, X, X, NO_ENDS)[0].isnan().all()
    with pytest.raises(ValueError, match="not finite"):
        quantization.gptq(W, X, NO_ENDS)


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
@pytest.mark.parametrize("damp", [0.01, 0.1])
def test_feedback_by_the_cholesky_factor_is_gptqs_update(layer, bits, damp):
    W, _, Xq = layer
    grid = quantization.mse_grid(W, bits)
    Q = quantization.gptq(W, Xq, grid, damp)
    assert torch.equal(Q, literal_gptq(W, Xq, grid, damp))


def test_gptqs_step_is_best_if_later_weights_were_real():
    w, X = normal(1, 7, stream=15), normal(30, 7, stream=16)
    Q = quantization.gptq(w, X, NO_ENDS, damp=0)
    levels = torch.arange(-6.0, 7.0, dtype=torch.float64)
    for t in range(7):
        costs = []
        for level in levels:
            e = torch.cat([w[0, :t] - Q[0, :t], (w[0, t] - level)[None]])
            target = X[:, : t + 1] @ e
            rest = np.linalg.lstsq(X[:, t + 1 :].numpy(), target.numpy(), rcond=None)[0]
            costs.append(np.linalg.norm(target.numpy() - X[:, t + 1 :].numpy() @ rest))
        assert Q[0, t] == levels[int(np.argmin(costs))]


def outputs_apart(W, Q, X) -> torch.Tensor:
    return ((W - Q) @ X.mT).square().sum(-1)


def test_no_rule_beats_exhaustive_search_and_feedback_comes_closer():
    ternary = quantization.Grid(torch.ones(1, 1), torch.zeros(1, 1), -1, 1)
    every = torch.tensor(list(itertools.product((-1.0, 0.0, 1.0), repeat=7))).double()
    draws = []
    for stream in range(20, 80):
        X, w = normal(4, 7, stream=stream), normal(1, 7, stream=stream + 100).tanh()
        best = outputs_apart(w, every, X).min()
        rules = ternary(w), quantization.gpfq(w, X, X, ternary), quantization.gptq(w, X, ternary)
        errors = torch.stack([outputs_apart(w, Q, X)[0] for Q in rules])
        assert (errors >= best * (1 - 1e-12)).all()
        draws.append((errors / best).log())
    rounding, *feedback = torch.stack(draws).mean(0).tolist()
    assert max(feedback) < rounding


def test_orthogonal_inputs_leave_nothing_to_feed_back():
    X = torch.linalg.qr(normal(40, 7, stream=17)).Q * torch.arange(1.0, 8.0)
    w = normal(3, 7, stream=18)
    ternary = quantization.Grid(torch.ones(1, 1), torch.zeros(1, 1), -1, 1)
    every = torch.tensor(list(itertools.product((-1.0, 0.0, 1.0), repeat=7))).double()
    for Q in (quantization.gpfq(w, X, X, ternary), quantization.gptq(w, X, ternary)):
        assert torch.equal(Q, ternary(w))
    for row, rounded in zip(w, ternary(w)):
        assert torch.equal(every[outputs_apart(row, every, X).argmin()], rounded)


@pytest.mark.parametrize("d", [32, 128, 256])
def test_the_three_errors_are_those_foreseen(d):
    m = 32
    X, W = normal(8, m, d, stream=19), 3 * normal(8, 30, d, stream=20)
    foreseen = m * d, m**2 * (1 - (1 - 1 / m) ** d), m * (m + 1) / 2
    rules = NO_ENDS(W), quantization.gpfq(W, X, X, NO_ENDS), quantization.gptq(W, X, NO_ENDS, 1e-6)
    for Q, expected in zip(rules, foreseen):
        assert 12 * outputs_apart(W, Q, X).mean().item() == pytest.approx(expected, rel=0.15)
    _, walk = quantization.path_following(W, X, X, NO_ENDS)
    steps = torch.arange(1, d + 1)
    assert (walk.mean((0, 1)) < m**2 / 4 * (1 - (1 - 1 / m) ** steps)).all()


# Training and networks


def test_a_pretended_slope_is_what_autograd_uses():
    x, slope = normal(6, stream=21).requires_grad_(), normal(6, stream=22)
    value = quantization.pretend(x, x.sign(), slope)
    assert torch.equal(value, x.sign())
    (gradient,) = torch.autograd.grad((value * torch.arange(6)).sum(), x)
    assert torch.equal(gradient, slope * torch.arange(6))


def test_the_estimator_works_under_vmap():
    grid = quantization.Grid(torch.tensor(0.5), torch.tensor(0.0), -2, 2)

    def loss(x):
        return quantization.straight_through(x, grid).square().sum()

    X = normal(5, 3, stream=23)
    batched = torch.func.vmap(torch.func.grad(loss))(X)
    for x, gradient in zip(X, batched):
        x = x.clone().requires_grad_()
        assert torch.equal(torch.autograd.grad(loss(x), x)[0], gradient)


def test_the_rounded_weight_is_right_on_average_over_the_steps():
    for a, lr in itertools.product((0.15, 0.4, 0.9), (0.01, 0.3)):
        w, rounded = quantization.staircase_descent(a, lr, 400)
        step = rounded[-1] - a
        mean = (w[0] - (w[-1] - lr * step)) / (lr * 400)
        assert rounded.mean().item() - a == pytest.approx(mean.item(), abs=1e-5)
        assert set(rounded.tolist()) <= {0.0, 1.0}


@pytest.fixture(scope="module")
def digits_nets():
    """Digits and three trained copies of a small network."""
    rng = seeded(24)
    digits = data.table("digits", rng=rng.numpy)
    nets = quantization.MLP([64, 32, 24, 10], copies=3, generator=rng.torch)
    return digits, quantization.train(nets, digits.x_train, digits.y_train, rng.torch, steps=200)


def test_copies_are_networks_of_their_own(digits_nets):
    digits, nets = digits_nets
    logits = nets(digits.x_test)
    for k in range(3):
        x = digits.x_test
        for layer, (W, b) in enumerate(zip(nets.weights, nets.biases)):
            x = torch.nn.functional.linear(x.relu() if layer else x, W[k], b[k, 0])
        assert torch.allclose(logits[k], x, atol=1e-5)
    assert quantization.accuracy(nets, digits.x_test, digits.y_test).min() > 0.9


def test_each_layer_is_quantised_with_the_inputs_of_both_networks(digits_nets):
    digits, nets = digits_nets
    seen = []

    def method(W, X, Xq):
        seen.append((X, Xq))
        return quantization.quantise_weights(W, 3)

    done = quantization.quantise_layers(nets, digits.x_train, method)
    before, after = (quantization.layer_inputs(net, digits.x_train) for net in (nets, done))
    for (X, Xq), float_inputs, quantised_inputs in zip(seen, before, after):
        assert torch.equal(X, float_inputs) and torch.equal(Xq, quantised_inputs)
    assert all(
        torch.equal(Q, quantization.quantise_weights(W, 3))
        for Q, W in zip(done.weights, nets.weights)
    )
    assert not torch.equal(seen[1][0], seen[1][1])


@pytest.mark.parametrize("name", quantization.METHODS)
def test_every_method_leaves_few_levels(digits_nets, name):
    digits, nets = digits_nets
    method = quantization.METHODS[name]
    for bits, levels in ((1, 2), (2, 3), (3, 7)):
        done = quantization.quantise_layers(
            nets, digits.x_train, lambda W, X, Xq, b=bits: method(W, X, Xq, b)
        )
        for W in done.weights:
            assert max(len(row.unique()) for row in W.detach().flatten(0, 1)) <= levels


@pytest.mark.parametrize("bits", [1, 2])
def test_training_with_the_estimator_leaves_weights_on_the_grid(digits_nets, bits):
    digits, nets = digits_nets
    before = [W.detach().clone() for W in nets.weights]
    done = quantization.train_quantised(
        nets, digits.x_train, digits.y_train, bits, seeded(25).torch, steps=100, lr=1e-3
    )
    for W, old, kept in zip(done.weights, nets.weights, before):
        assert torch.equal(old, kept)
        assert torch.equal(quantization.mse_grid(kept, bits)(W), W.detach())
    rounded = quantization.quantise_layers(
        nets,
        digits.x_train,
        lambda W, X, Xq: quantization.METHODS["round, best clip"](W, X, Xq, bits),
    )
    gained = [quantization.accuracy(net, digits.x_test, digits.y_test) for net in (rounded, done)]
    assert (gained[1] > gained[0]).all()


def test_the_integer_network_is_exact_integer_arithmetic(digits_nets):
    digits, nets = digits_nets
    grids = quantization.activation_grids(nets, digits.x_train, 8)
    layers = quantization.integer_layers(nets, grids)
    codes = quantization.to_integers(digits.x_test.expand(3, -1, -1), grids[0]).long()
    ours = quantization.integer_forward(layers, codes)
    for k, n in ((0, 0), (1, 5), (2, 11)):
        q = [int(v) for v in codes[k, n]]
        for W, b, M, zero_x, zero_y in layers:
            W, b, M = W[k].tolist(), b[k, 0].tolist(), M[k, 0].tolist()
            zx, zy = zero_x[k].item(), zero_y[k].item()
            sums = [sum(w * (v - zx) for w, v in zip(row, q)) + c for row, c in zip(W, b)]
            scaled = [(2 * s * factor + 2**31) // 2**32 for s, factor in zip(sums, M)]
            q = [min(max(v + zy, 0), 255) for v in scaled]
        assert q == ours[k, n].tolist()


def test_the_methods_are_what_their_names_say(digits_nets):
    """Per tensor, per channel, the best clip, and feedback that knows both networks' inputs."""
    W = digits_nets[1].weights[1].detach()
    x = digits_nets[0].x_train[:300]
    X = quantization.layer_inputs(digits_nets[1], x)[1]
    Xq = X + 0.3 * torch.randn(X.shape, generator=seeded(63).torch).relu()
    made = {name: rule(W, X, Xq, 2) for name, rule in quantization.METHODS.items()}
    for name, dims in (("round, per tensor", (1, 2)), ("round, per channel", 2)):
        c = W.abs().amax(dims, keepdim=True)
        assert torch.equal(made[name], torch.where(W.abs() > c / 2, W.sign() * c, 0 * W)), name
    best = quantization.mse_grid(W, 2)
    assert torch.equal(made["round, best clip"], best(W))
    assert torch.equal(made["GPFQ"], quantization.gpfq(W, X, Xq, best))
    assert torch.equal(made["GPTQ"], quantization.gptq(W, Xq, best))
    errors = [(made[n] - W).square().sum() for n in list(made)[:3]]
    assert errors == sorted(errors, reverse=True)
    walked = quantization.path_following(W, X, Xq, best)[0]
    assert (made["GPFQ"] != walked).double().mean() < 0.01


def test_a_dead_layer_is_dead_in_integers_too(digits_nets):
    digits, nets = digits_nets
    dead = quantization.MLP([64, 32, 24, 10], copies=3)
    dead.load_state_dict(nets.state_dict())
    with torch.no_grad():
        dead.weights[0].zero_()
        dead.biases[0].fill_(-1.0)
        dead.biases[2].copy_(torch.arange(10) - 4.5)
    grids = quantization.activation_grids(dead, digits.x_train, 8)
    codes = quantization.to_integers(digits.x_test.expand(3, -1, -1), grids[0]).long()
    made = quantization.integer_forward(quantization.integer_layers(dead, grids), codes)
    logits = quantization.to_reals(made, grids[-1])
    with torch.no_grad():
        wanted = dead(digits.x_test)
    assert (logits - wanted).abs().max() <= 1.1 * grids[-1].scale.max()


def test_integers_need_a_grid_for_each_layer_and_two_bits(digits_nets):
    digits, nets = digits_nets
    grids = quantization.activation_grids(nets, digits.x_train[:50], 8)
    for given, bits, named in ((grids[:-1], 8, "3 grids"), (grids, 1, "bits=1")):
        with pytest.raises(ValueError, match=named):
            quantization.integer_layers(nets, given, bits)


@pytest.mark.parametrize("scales", [False, True])
def test_mended_neurons_have_their_mean(digits_nets, scales):
    digits, nets = digits_nets
    done = quantization.mended(
        nets, digits.x_train, lambda W, X, Xq: quantization.quantise_weights(W, 2), scales
    )
    means = [
        [X.mean(1) for X in quantization.layer_inputs(net, digits.x_train)] for net in (nets, done)
    ]
    assert torch.allclose(means[0][-1], means[1][-1], atol=1e-3)
    X = quantization.layer_inputs(done, digits.x_train)[0] @ done.weights[0].mT + done.biases[0]
    wanted = digits.x_train @ nets.weights[0].mT + nets.biases[0]
    assert torch.allclose(X.mean(1), wanted.mean(1), atol=1e-4)


def test_the_best_scale_and_bias_are_those_of_least_squares(digits_nets):
    digits, nets = digits_nets
    done = quantization.mended(
        nets, digits.x_train, lambda W, X, Xq: quantization.quantise_weights(W, 2), True
    )
    sums = digits.x_train @ done.weights[0].mT + done.biases[0]
    off = sums - (digits.x_train @ nets.weights[0].mT + nets.biases[0])
    along = (off * (sums - sums.mean(1, keepdim=True))).sum(1) / sums.square().sum(1)
    assert along.abs().max() < 1e-4


def test_shuffled_inputs_keep_each_columns_numbers_and_lose_what_they_share():
    X = normal(2, 4000, 1, stream=64) + 0.1 * normal(2, 4000, 3, stream=65)
    made = quantization.shuffled(X, seeded(66).torch)
    assert torch.equal(made.sort(1).values, X.sort(1).values)
    assert all(torch.corrcoef(part.T).fill_diagonal_(0).abs().max() < 0.1 for part in made)


def test_the_integer_network_follows_its_simulation_in_floats(digits_nets):
    digits, nets = digits_nets
    grids = quantization.activation_grids(nets, digits.x_train, 8)
    layers = quantization.integer_layers(nets, grids)
    codes = quantization.to_integers(digits.x_test.expand(3, -1, -1), grids[0]).long()
    with torch.no_grad():
        logits = nets(
            digits.x_test,
            lambda W: quantization.quantise_weights(W, 8),
            lambda layer, x: grids[layer](x),
        )
    simulated = quantization.to_integers(logits, grids[-1])
    apart = (quantization.integer_forward(layers, codes) - simulated).abs()
    assert apart.max() <= 2 and (apart == 0).double().mean() > 0.98


# One bit

ESTIMATORS = {
    "identity": binary.IDENTITY,
    "clipped": binary.CLIPPED,
    "quadratic": binary.QUADRATIC,
    "power, o = 1": binary.power(1.0),
    "power, o = 3": binary.power(3.0),
    "power with its own ends": binary.power(2.0, m=0.02, t=0.8),
    "periodic": binary.periodic(5.0),
}


def signs(*shape: int, stream: int) -> torch.Tensor:
    return binary.sign(torch.randn(shape, generator=seeded(stream).torch))


def test_zero_is_positive_and_nothing_but_signs_is_returned():
    z = torch.tensor([-2.0, -0.0, 0.0, 1e-30, -1e-30])
    assert binary.sign(z).tolist() == [-1, 1, 1, 1, -1]
    z = torch.linspace(-3, 3, 601, dtype=torch.float64)
    assert all(estimator(z).abs().eq(1).all() for estimator in ESTIMATORS.values())


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimators_slope_is_the_derivative_of_its_curve(name):
    z = 4 * torch.rand(500, dtype=torch.float64, generator=seeded(30).torch) - 2
    kinks = torch.tensor([-1.5, -1, -0.8, -0.1, -0.02, 0, 0.02, 0.1, 0.8, 1, 1.5])
    z = z[(z[:, None] - kinks).abs().amin(1) > 1e-4].requires_grad_()
    h, estimator = 1e-7, ESTIMATORS[name]
    (slope,) = torch.autograd.grad(estimator(z).sum(), z)
    difference = (estimator.curve(z + h) - estimator.curve(z - h)) / (2 * h)
    assert (slope - difference).abs().max() < 1e-5


def test_the_power_curve_is_the_papers_and_has_no_jump():
    z = torch.linspace(0.1, 1.5, 50, dtype=torch.float64)
    assert torch.allclose(binary.power(3.0).curve(-z), -z.pow(1 / 3))
    ends = torch.tensor([0.1, 1.5, -0.1, -1.5], dtype=torch.float64)
    curve = binary.power(4.0).curve
    assert (curve(ends + 1e-9) - curve(ends - 1e-9)).abs().max() < 1e-6


def test_the_scaled_signs_are_the_best_of_all_sign_vectors():
    W = normal(10, 9, stream=31)
    ours = binary.scaled(binary.IDENTITY)(W)
    for w, row in zip(W, ours):
        best = torch.linalg.lstsq(binary.sign(w)[:, None], w[:, None]).solution
        assert torch.allclose(row, best[0] * binary.sign(w), atol=1e-13)
    for b in itertools.product((-1.0, 1.0), repeat=9):
        B = torch.tensor(b, dtype=torch.float64)
        errors = (W - (W @ B / 9)[:, None] * B).square().sum(1)
        assert (errors >= (W - ours).square().sum(1) - 1e-12).all()


def test_one_scale_for_a_layer_is_the_mean_of_its_rows():
    W = torch.randn(3, 4, 5, generator=seeded(32).torch)
    sizes = binary.scaled(binary.IDENTITY, (-2, -1))(W).abs()
    assert torch.allclose(sizes, W.abs().mean((1, 2))[:, None, None].expand_as(W))


@pytest.mark.parametrize("n", [1, 7, 8, 63, 64, 65, 128, 129, 300, 1000])
def test_the_packed_product_is_that_of_floats(n):
    m, k = seeded(n).numpy.integers(1, 90, 2)
    X, W = signs(int(m), n, stream=33), signs(int(k), n, stream=34)
    words = binary.pack(X.numpy())
    ours = binary.xnor_product(words, binary.pack(W.numpy()), n)
    assert ours.dtype == np.int32 and (ours == (X @ W.T).numpy()).all()
    assert words.dtype == np.uint64 and words.shape == (m, math.ceil(n / 64))


def test_a_word_is_filled_from_its_lowest_bit_and_a_one_is_plus():
    row = np.array([[1.0, -1, -1, 1, 1, *[-1] * 61, 1]])
    assert binary.pack(row).tolist() == [[0b11001, 0b100]]


def test_a_layer_with_its_normalisation_is_a_threshold_on_bits():
    """Gains of both signs, and sums that hit the threshold."""
    draw = seeded(35).torch
    norm = torch.nn.BatchNorm1d(2 * 20).eval()
    with torch.no_grad():
        norm.weight.normal_(generator=draw)
        norm.bias.normal_(generator=draw)
        norm.running_mean.copy_(torch.randint(-5, 6, (40,), generator=draw))
        norm.bias[::4] = 0
    X, S = signs(200, 31, stream=36), signs(2, 20, 31, stream=37)
    for copy in (0, 1):
        flat = torch.cat([X @ W.T for W in S], 1)
        wanted = binary.sign(norm(flat)).view(200, 2, 20)[:, copy].detach()
        ours = binary.bit_layer(S, norm, copy)(binary.pack(X.numpy()))
        assert (ours == binary.pack(wanted.numpy())).all()


def linear_signs(omega: float, lr: float, shrink: float, adam: bool) -> torch.Tensor:
    """Signs of a linear classifier's periodic weights after each of 40 steps: (40, 10, 64)."""
    digits, draw = data.table("digits", rng=seeded(38).numpy), seeded(39).torch
    w = torch.randn(10, 64, dtype=torch.float64, generator=draw).div(shrink).requires_grad_()
    steps = torch.optim.Adam([w], lr, eps=1e-30) if adam else torch.optim.SGD([w], lr)
    seen = []
    for _ in range(40):
        rows = torch.randint(len(digits.x_train), (64,), generator=draw)
        S = binary.periodic(omega)(w)
        logits = digits.x_train[rows].double() @ S.T / 8
        steps.zero_grad()
        torch.nn.functional.cross_entropy(logits, digits.y_train[rows]).backward()
        steps.step()
        seen.append(S.detach())
    return torch.stack(seen)


@pytest.mark.parametrize(("adam", "lr"), [(True, 0.05), (False, 0.5)])
def test_a_frequency_is_a_step_size(adam, lr):
    slow = linear_signs(1.0, lr * (8 if adam else 64), 1.0, adam)
    fast = linear_signs(8.0, lr, 8.0, adam)
    assert torch.equal(slow, fast) and (slow[1:] != slow[:-1]).sum() > 100


@pytest.mark.parametrize("s", [0.3, 1.0, 3.0])
def test_the_error_of_gaussian_phases_is_scipys_integral(s):
    moments = [0.0, 0.0]
    for i, k in itertools.product((0, 1), range(int(8 * s / math.pi) + 1)):

        def term(p: float, power: int = i + 1) -> float:
            density = 2 * math.exp(-0.5 * (p / s) ** 2) / (s * math.sqrt(2 * math.pi))
            return density * abs(math.sin(p)) ** power

        moments[i] += quad(term, k * math.pi, (k + 1) * math.pi)[0]
    mean, square = moments
    ours = binary.gaussian_error(torch.tensor([s], dtype=torch.float64))
    for value, wanted in zip(ours, (square - mean**2, 1 - mean**2 / square)):
        assert value.item() == pytest.approx(wanted, abs=1e-8)
    phases = s * normal(200_000, stream=40)
    for value, sampled in zip(ours, binary.measured_error(phases)):
        assert value.item() == pytest.approx(sampled, abs=5e-3)


@pytest.mark.parametrize(("k", "n"), [(2, 5), (30, 64), (64, 40), (9, 301)])
def test_a_trees_length_is_scipys(k, n):
    D = binary.hamming(signs(4, k, n, stream=k))
    for d, total in zip(D, binary.edges(D, binary.minimum_tree(D)).sum(1)):
        assert (d + torch.eye(k) > 0).all(), "SciPy takes a zero for no edge"
        assert minimum_spanning_tree(d.numpy()).sum() == total


def test_distances_count_differing_places_and_equal_rows_cost_nothing():
    S = signs(6, 11, stream=41)
    assert (binary.hamming(S) == (S[:, None] != S).sum(-1)).all()
    D = binary.hamming(S[:1].repeat(5, 1)[None])
    assert binary.edges(D, binary.minimum_tree(D)).sum() == 0


def test_the_product_along_a_tree_is_the_product():
    S, X = signs(25, 40, stream=42), signs(30, 40, stream=43)
    parent = binary.minimum_tree(binary.hamming(S)[None])[0]
    for tree in (parent, binary.shallow(parent)[0]):
        assert torch.equal(binary.tree_product(X, S, tree), X @ S.T)


def test_hanging_a_tree_from_its_centre_keeps_its_edges():
    D = binary.hamming(signs(1, 40, 50, stream=44))
    parent = binary.minimum_tree(D)
    moved, level = binary.shallow(parent[0])
    assert binary.edges(D, moved[None]).sum() == binary.edges(D, parent).sum()
    root = (moved == torch.arange(40)).nonzero()
    assert len(root) == 1 and level[root] == 0
    below = moved != torch.arange(40)
    assert (level[below] == level[moved[below]] + 1).all()


def test_a_factor_solves_its_least_squares_problem():
    X, R, V = normal(15, 4, 5, stream=45), normal(15, 4, 4, stream=46), normal(5, 2, stream=47)
    U = binary.best_factor(X, R, V)
    A = torch.einsum("nti,nsr->ntsir", X, X @ V).reshape(-1, 10)
    wanted = torch.linalg.lstsq(A, R.reshape(-1, 1)).solution.view(5, 2)
    assert torch.allclose(U, wanted, atol=1e-4)


def test_a_low_rank_residual_is_found():
    X, U, V = normal(40, 6, 10, stream=48), normal(10, 2, stream=49), normal(10, 2, stream=50)
    R = (X @ U) @ (X @ V).mT
    found = binary.low_rank(X, R, (1, 2, 3), seeded(51).torch, sweeps=40)
    errors = [((R - (X @ u) @ (X @ v).mT).norm() / R.norm()).item() for u, v in found.values()]
    assert errors[0] > 0.05 and errors[1] < 1e-3 and errors[2] <= errors[1] + 1e-9
