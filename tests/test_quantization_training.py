"""Few bits in training: the staircase, the bytes that are saved, vanished channels, forms."""

import itertools
import math

import pytest
import torch
from torch.nn import functional as F

from helpers import chapter

quantization = chapter("quantization")
training = chapter("quantization/training")

NAMES = ("GELU", "SiLU", "tanh", "ReLU")


def brute_force(slopes, weights, levels):
    least = math.inf
    for cuts in itertools.combinations(range(1, len(slopes)), levels - 1):
        wrong = 0.0
        for i, j in itertools.pairwise((0, *cuts, len(slopes))):
            mean = (weights[i:j] @ slopes[i:j]) / weights[i:j].sum()
            wrong += float(weights[i:j] @ (slopes[i:j] - mean) ** 2)
        least = min(least, wrong)
    return least


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("levels", [1, 2, 3, 4])
def test_the_staircase_is_as_good_as_all_that_there_are(name, levels):
    x, weights = training.gaussian_cells(13, 3.0)
    slopes = training.slope(training.ACTIVATIONS[name], x)
    begins, cost = training.best_segments(slopes, weights, levels)
    assert len(begins) == levels - 1 and begins == sorted(begins)
    assert cost == pytest.approx(brute_force(slopes, weights, levels), abs=1e-13)


@pytest.mark.parametrize("rule", ["equal", "optimal", "slope"])
def test_the_staircase_has_the_error_that_the_recursion_claims(rule):
    x, weights = training.gaussian_cells()
    errors = []
    for name in ("GELU", "tanh"):
        act = training.ACTIVATIONS[name]
        slopes = training.slope(act, x)
        staircase = training.RULES[rule](act, 8)
        error = training.squared_error(staircase, x, slopes, weights)
        order = slopes.argsort() if rule == "slope" else torch.arange(len(x))
        _, cost = training.best_segments(slopes[order], weights[order], 8)
        errors.append(error * (weights @ slopes**2).item() - cost)
    if rule == "equal":
        assert min(errors) >= -1e-12
    else:
        assert max(map(abs, errors)) < 1e-12


def test_the_authors_table_is_found_with_equal_weights():
    x = (torch.arange(1600, dtype=torch.float64) + 0.5) / 80 - 10
    staircase = training.optimal_staircase(F.gelu, 8, cells=(x, torch.full_like(x, 1 / 1600)))
    published = torch.tensor([-2.398, -0.711, -0.326, 0.0, 0.326, 0.711, 2.398])
    levels = torch.tensor([-0.0026, -0.0888, 0.1252, 0.3720, 0.6278, 0.8747, 1.0888, 1.0026])
    assert (staircase.cuts - published).abs().max() < 1 / 80
    assert (staircase.levels - levels).abs().max() < 2e-3


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("shape", [(8,), (3, 5), (2, 3, 7)])
def test_codes_survive_packing_in_as_few_bytes_as_possible(bits, shape):
    codes = torch.randint(0, 2**bits, shape, generator=torch.Generator().manual_seed(bits))
    packed = training.pack(codes, bits)
    assert packed.dtype == torch.uint8 and packed.numel() == bits * math.ceil(codes.numel() / 8)
    assert torch.equal(training.unpack(packed, shape), codes)


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_saved_bytes(bits):
    act = training.few_bit("GELU", training.optimal_staircase(F.gelu, 2**bits))
    x = torch.zeros(64, 100, requires_grad=True)
    assert training.saved_bytes(lambda: act(x), []) == bits * 800
    assert training.saved_bytes(lambda: F.gelu(x), []) == 0 + 4 * 6400
    assert training.saved_bytes(lambda: F.gelu(x), [x]) == 0


def test_relu_and_tanh_store_nothing_that_the_next_layer_does_not():
    net = training.Smooth([16, 16, 16, 4], generator=torch.Generator().manual_seed(0))
    x = torch.randn(32, 16, generator=torch.Generator().manual_seed(1))
    known = [x, *net.parameters()]
    kept = {
        name: training.saved_bytes(lambda act=act: net(x, act), known)
        for name, act in training.ACTIVATIONS.items()
    }
    assert kept["GELU"] == kept["SiLU"] == 2 * kept["ReLU"] == 2 * kept["tanh"]


@pytest.mark.parametrize("rule", ["equal", "optimal", "slope"])
def test_few_bit_is_exact_forward_and_the_staircase_backward(rule):
    x = torch.randn(7, 9, generator=torch.Generator().manual_seed(0)).requires_grad_()
    g = torch.randn(7, 9, generator=torch.Generator().manual_seed(1))
    staircase = training.RULES[rule](F.gelu, 8)
    y = training.few_bit("GELU", staircase)(x)
    (slopes,) = torch.autograd.grad(y, x, g)
    assert torch.equal(y, F.gelu(x))
    assert torch.equal(slopes, g * staircase(x.detach()))


def test_one_bit_is_exact_for_relu():
    x = torch.randn(1000, generator=torch.Generator().manual_seed(0)).requires_grad_()
    staircase = training.optimal_staircase(torch.relu, 2)
    (few,) = torch.autograd.grad(training.few_bit("ReLU", staircase)(x).sum(), x)
    (exact,) = torch.autograd.grad(x.relu().sum(), x)
    assert (few - exact).abs().max() < 1e-12


@pytest.mark.parametrize("bits", range(1, 9))
def test_whole_bits_are_the_usual_levels(bits):
    w = 3 * torch.randn(4, 300, generator=torch.Generator().manual_seed(bits))
    e = torch.tensor([[-4.0], [-1.0], [0.0], [1.0]])
    grid = quantization.Grid(2**e, torch.zeros(4, 1), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    assert torch.equal(training.self_quantise(w, torch.full((4, 1), float(bits)), e), grid(w))


def test_no_bits_no_weights():
    w = 3 * torch.randn(4, 300, generator=torch.Generator().manual_seed(0))
    assert not training.self_quantise(w, torch.zeros(4, 1), torch.zeros(4, 1)).any()


def test_gradients_by_bits_and_exponent():
    w = torch.linspace(-2, 2, 37, dtype=torch.float64)
    b, e = (torch.full_like(w, v).requires_grad_() for v in (2.4, -1.2))
    q = training.self_quantise(w, b, e)
    by_b, by_e = torch.autograd.grad(q.sum(), (b, e))
    half, step = 2**1.4, 2**-1.2
    high, low = w / step > half - 1, w / step < -half
    sign = high.double() - low.double()
    assert torch.allclose(by_b, sign * step * half * math.log(2))
    inner = torch.where(high | low, torch.zeros_like(w), w)
    assert torch.allclose(by_e, math.log(2) * (q - inner))


def squeezed(kill):
    rng = torch.Generator().manual_seed(3)
    base = quantization.MLP([9, 7, 6, 4], copies=2, generator=rng)
    for bias in base.biases:
        torch.nn.init.normal_(bias, generator=rng)
    model = training.SelfCompressing(base, (0.1, 0.2))
    with torch.no_grad():
        for b, channels in zip(model.b, kill):
            b[1, channels] = -0.1
    return model


@pytest.mark.parametrize(
    "kill", [((), (), ()), ((0, 3), (), ()), ((), (1, 5), ()), ((2, 6), (0, 1, 2), (3,))]
)
def test_a_network_without_its_vanished_channels_is_the_same_function(kill):
    model = squeezed(kill)
    x = torch.randn(50, 9, generator=torch.Generator().manual_seed(5))
    small = training.without_vanished(model, 1)
    shapes = [tuple(W.shape[1:]) for W in small.weights]
    first, second = 7 - len(kill[0]), 6 - len(kill[1])
    assert shapes == [(first, 9), (second, first), (4, second)]
    with torch.no_grad():
        large = model.net(x, quantise=model.rounded())[1]
        assert (small(x)[0] - large).abs().max() < 1e-5


def test_size_counts_the_inputs_that_are_left():
    model = squeezed(((0, 3), (1,), ()))
    sizes = model.size()
    total = 9 * 7 + 7 * 6 + 6 * 4
    assert sizes[0].item() == pytest.approx(training.START_BITS)
    assert sizes[1].item() == pytest.approx(8 * (9 * 5 + 5 * 5 + 5 * 4) / total)


def test_size_in_the_loss_pulls_on_every_channel_by_its_inputs():
    model = squeezed(((0, 3), (), ()))
    slopes = torch.autograd.grad(model.size()[1], list(model.b))
    total = 9 * 7 + 7 * 6 + 6 * 4
    assert slopes[0][1, 1].item() == pytest.approx(training.SPEED * 9 / total)
    assert slopes[0][1, 0].item() == 0
    assert slopes[1][1, 0].item() == pytest.approx(training.SPEED * 5 / total)


def test_forms_are_the_core_chapters_quantisers():
    net = quantization.MLP([12, 8, 4], copies=2, generator=torch.Generator().manual_seed(0))
    grids = training.form_grids(net)
    assert len(training.FORMS) == 28
    for form in training.FORMS:
        rule = training.in_forms(net, grids, [form] * 2)
        for W in net.weights:
            R = quantization.rows(W.detach(), form.per)
            grid = quantization.mse_grid(R, form.bits, form.symmetric)
            assert torch.equal(rule(W), grid(R).reshape(W.shape))


def test_moments_of_a_uniform_and_a_skewed_distribution():
    even = torch.linspace(-1, 1, 4001, dtype=torch.float64)[None, None]
    skew, kurtosis = training.moments(even)
    assert abs(skew.item()) < 1e-9 and kurtosis.item() == pytest.approx(1.8, abs=1e-3)
    coin = torch.tensor([1.0] + [0.0] * 4, dtype=torch.float64)[None, None]
    skew, kurtosis = training.moments(coin)
    assert skew.item() == pytest.approx(1.5) and kurtosis.item() == pytest.approx(3.25)


def test_the_teacher_is_not_taught():
    rng = torch.Generator().manual_seed(0)
    logits, teacher = (torch.randn(2, 5, 3, generator=rng).requires_grad_() for _ in range(2))
    y = torch.tensor([0, 1, 2, 0, 1])
    total = training.labels_and_teacher(logits, y, teacher)
    hard = sum(F.cross_entropy(part, y) for part in logits)
    pairs = zip(logits.log_softmax(-1), teacher.log_softmax(-1))
    soft = sum(F.kl_div(a, b, log_target=True, reduction="batchmean") for a, b in pairs)
    assert total.item() == pytest.approx((hard + soft).item() / 2, rel=1e-5)
    assert torch.autograd.grad(total, teacher, allow_unused=True)[0] is None
