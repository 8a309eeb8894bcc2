"""The hypernetworks chapters' definitions against torch.func, finite differences and statistics."""

import math
from itertools import permutations

import numpy as np
import pytest
import torch
from scipy.stats import hmean
from sklearn.linear_model import Ridge
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

from helpers import chapter, seeded

hyper = chapter("hypernetworks")
responses = chapter("hypernetworks/responses")
architectures = chapter("hypernetworks/architectures")
fast = chapter("hypernetworks/fast")
sharing = chapter("hypernetworks/sharing")

SIZES = (16, 64, 48, 4)
RULES = pytest.mark.parametrize("rule", ["in", "out", "harmonic"])


def through_module(theta: torch.Tensor, x: torch.Tensor, sizes, activation) -> torch.Tensor:
    """One target network, run by torch.nn's layers with the parameters cut here."""
    layers = []
    for fan_in, fan_out in zip(sizes, sizes[1:]):
        layers += [nn.Linear(fan_in, fan_out), activation()]
    module, cut, parts = nn.Sequential(*layers[:-1]).to(theta), 0, {}
    for name, p in module.named_parameters():
        parts[name] = theta[cut : cut + p.numel()].view(p.shape)
        cut += p.numel()
    assert cut == len(theta)
    return functional_call(module, parts, (x,))


# The target


@pytest.mark.parametrize("sizes", [(3, 2), (3, 8, 2), (1, 5, 7, 6, 4)])
@pytest.mark.parametrize("activation", [(F.relu, nn.ReLU), (torch.tanh, nn.Tanh)])
def test_target_is_the_network_that_torch_runs(sizes, activation):
    draw = seeded(1).torch
    theta = torch.randn(6, hyper.parameter_count(sizes), generator=draw, dtype=torch.float64)
    x = torch.randn(6, 9, sizes[0], generator=draw, dtype=torch.float64)
    wanted = torch.stack([through_module(*pair, sizes, activation[1]) for pair in zip(theta, x)])
    found = hyper.target(x, theta, sizes, activation[0])
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


def test_leading_dimensions_of_inputs_and_parameters_broadcast():
    draw = seeded(2).torch
    theta = torch.randn(4, 3, hyper.parameter_count(SIZES), generator=draw)
    x = torch.randn(5, 16, generator=draw)
    together = hyper.target(x, theta, SIZES)
    assert together.shape == (4, 3, 5, 4)
    alone = through_module(theta[2, 1], x, SIZES, nn.ReLU)
    torch.testing.assert_close(together[2, 1], alone, rtol=1e-4, atol=1e-4)


def test_wrong_lengths_are_named():
    with pytest.raises(ValueError, match=r"takes 8 parameters.*has 9"):
        hyper.unpack(torch.zeros(9), (3, 2))
    with pytest.raises(ValueError, match="one layer at least"):
        hyper.unpack(torch.zeros(0), (3,))


def test_inputs_of_another_width_or_precision_are_named():
    theta = torch.zeros(8, dtype=torch.float64)
    with pytest.raises(ValueError, match=r"4 inputs in torch.float64; the network takes 3"):
        hyper.target(torch.zeros(5, 4, dtype=torch.float64), theta, (3, 2))
    with pytest.raises(ValueError, match=r"torch.float32; the network takes 3 in torch.float64"):
        hyper.target(torch.zeros(5, 3), theta, (3, 2))


@pytest.mark.parametrize("batch", [(0, 5), (4, 0)])
def test_no_networks_and_no_inputs_give_empty_outputs(batch):
    theta = torch.zeros(batch[0], 8)
    assert hyper.target(torch.zeros(*batch, 3), theta, (3, 2)).shape == (*batch, 2)
    assert hyper.encode(torch.zeros(0, 2)).shape == (0, 4)


# Devices and precision

DEVICES = ["meta", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tensors_are_made_where_the_inputs_live(device, dtype):
    # encode, and MIPHyperNetwork.forward with it, and mix look at values: not on "meta".
    sizes, draw, place = (2, 4, 1), seeded(30).torch, {"device": device, "dtype": dtype}
    with torch.device(device):
        nets = [
            hyper.hyperfan_(hyper.HyperNetwork(3, (6,), sizes).to(dtype), 0.5, draw),
            hyper.ChunkedHyperNetwork(3, 2, (6,), sizes, chunk=5).to(dtype),
        ]
        mip = hyper.MIPHyperNetwork(1, (6,), sizes, draw)
    assert mip.head.bias.device.type == device
    e, x, y = (
        torch.ones(5, 3, **place),
        torch.ones(5, 7, 2, **place),
        torch.ones(5, 7, 1, **place),
    )
    for net in nets:
        theta = net(e)
        loss = hyper.target_loss(net, e, x, y, sizes)
        found = [theta, hyper.target(x, theta, sizes), loss, *hyper.signals(nets[0], e, x)]
        for tensor in found:
            assert (tensor.device.type, tensor.dtype) == (device, dtype)
    t = torch.ones(5, 1, **place)
    line = torch.ones(7, 1, **place)
    for shared in (True, False):
        alone = hyper.train_alone(line, hyper.bump(line, t), (1, 4, 1), draw, shared, steps=2)
        assert (alone.device.type, alone.dtype, alone.shape) == (device, dtype, (5, 13))
    scales = hyper.start_scales(sizes, like=e)
    errors = hyper.bump_rmse(hyper.wave(line, t), line, t)
    for tensor in (
        scales,
        errors,
        hyper.disagreement(alone[:, :0].new_ones(3, 2410), x.new_ones(5, 64)),
    ):
        assert (tensor.device.type, tensor.dtype) == (device, dtype)
    if device != "meta":
        for tensor in (hyper.encode(t), hyper.mix(alone, t[:, 0]), mip.to(dtype)(t)):
            assert (tensor.device.type, tensor.dtype) == (device, dtype)


# The gradient


def networks(sizes):
    draw = seeded(3).torch
    return {
        "at once": hyper.hyperfan_(hyper.HyperNetwork(3, (6,), sizes), 1.0, draw),
        "affine": hyper.hyperfan_(hyper.HyperNetwork(3, (), sizes), 1.0, draw),
        "MIP": hyper.MIPHyperNetwork(3, (6,), sizes, draw),
        "chunks": hyper.ChunkedHyperNetwork(3, 2, (6,), sizes, chunk=5),
    }


@pytest.mark.parametrize("kind", ["at once", "affine", "MIP", "chunks"])
def test_gradients_through_generated_weights_match_finite_differences(kind):
    sizes = (2, 4, 2)
    net = networks(sizes)[kind].double()
    draw = seeded(4).torch
    e = torch.rand(3, 3, generator=draw, dtype=torch.float64)
    x = torch.randn(3, 5, 2, generator=draw, dtype=torch.float64)
    y = torch.randn(3, 5, 2, generator=draw, dtype=torch.float64)
    names = [name for name, _ in net.named_parameters()]

    def loss(*values):
        theta = functional_call(net, dict(zip(names, values)), (e,))
        return (hyper.target(x, theta, sizes, torch.tanh) - y).square().mean()

    values = [p.detach().clone().requires_grad_() for p in net.parameters()]
    assert torch.autograd.gradcheck(loss, values, eps=1e-6, atol=1e-7)


def test_one_step_teaches_other_conditions_by_the_product_of_their_features():
    net, draw = networks((2, 4, 1))["at once"].double(), seeded(5).torch
    e = torch.randn(4, 3, generator=draw, dtype=torch.float64)
    g = torch.randn(13 + 4, generator=draw, dtype=torch.float64)
    before, k = net(e).detach(), net.trunk(e).detach()
    (net(e[0]) @ g).backward()
    torch.optim.SGD(net.head.parameters(), lr=0.1).step()
    wanted = -0.1 * (1 + k @ k[0])[:, None] * g
    torch.testing.assert_close(net(e) - before, wanted, rtol=1e-10, atol=1e-12)


# The start


@RULES
def test_generated_weights_have_the_variances_of_the_rule(rule):
    draw = seeded(6).torch
    power = 0.3
    e = torch.randn(200, 8, generator=draw) * math.sqrt(power)
    found = []
    for _ in range(20):
        net = hyper.hyperfan_(hyper.HyperNetwork(8, (256,), SIZES), power, draw, rule)
        layers = hyper.unpack(net(e).detach(), SIZES)
        found.append(torch.tensor([[W.var(), b.square().mean()] for W, b in layers]))
    found, wanted = torch.stack(found).mean(0), torch.tensor(hyper.start_variances(SIZES, rule))
    torch.testing.assert_close(found[:, 0], wanted[:, 0], rtol=0.05, atol=0)
    torch.testing.assert_close(found[:, 1], wanted[:, 1], rtol=0.1, atol=1e-9)


@RULES
@pytest.mark.parametrize("gain", [0.25, 1.0, 4.0])
def test_target_activations_start_at_the_predicted_size(rule, gain):
    sizes, draw = (32, 128, 128, 128, 16), seeded(7).torch
    scale = hyper.start_scales(sizes, rule) * math.sqrt(gain)
    theta = scale * torch.randn(60, len(scale), generator=draw)
    a = torch.randn(60, 40, 32, generator=draw)
    wanted = hyper.predicted_power(sizes, hyper.start_variances(sizes, rule), gain)
    layers = hyper.unpack(theta, sizes)
    for layer, (W, b) in enumerate(layers):
        a = a @ W.mT + b
        a = F.relu(a) if layer < len(layers) - 1 else a
        assert a.square().mean().item() == pytest.approx(wanted[layer], rel=0.15)


def test_hyperfan_in_keeps_every_layer_at_one():
    variances = hyper.start_variances((32, 128, 64, 16))
    assert hyper.predicted_power((32, 128, 64, 16), variances) == pytest.approx([1, 1, 1])


def test_harmonic_rule_is_the_harmonic_mean_and_lies_between():
    sizes = (16, 64, 48, 4)
    for found, by_in, by_out in zip(
        *(hyper.start_variances(sizes, rule) for rule in ("harmonic", "in", "out"))
    ):
        assert found[0] == pytest.approx(hmean([by_in[0], by_out[0]]))
        assert min(by_in[0], by_out[0]) <= found[0] <= max(by_in[0], by_out[0])
        # The formula of hypnettorch 0.0.4 is 2 (1/a + 1/b): thousands instead of hundredths.
        assert 2 * (1 / by_in[0] + 1 / by_out[0]) > 1e3 * found[0]


def test_unknown_rules_are_named():
    with pytest.raises(ValueError, match="in, out, harmonic"):
        hyper.start_variances(SIZES, "fan_in")


def test_starts_that_cannot_be_are_named():
    with pytest.raises(ValueError, match="at least 1"):
        hyper.start_variances((3, 0, 2))
    with pytest.raises(ValueError, match="2 pairs of variances for 3 layers"):
        hyper.predicted_power(SIZES, hyper.start_variances(SIZES)[:2])
    for power in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="power"):
            hyper.hyperfan_(hyper.HyperNetwork(2, (3,), SIZES), power, seeded(31).torch)
    with pytest.raises(ValueError, match="chunk=0"):
        hyper.ChunkedHyperNetwork(2, 2, (3,), SIZES, 0)


def test_scales_are_exact_in_double_precision():
    wanted = math.sqrt(1 / 32)
    found = hyper.start_scales(SIZES, like=torch.zeros(0, dtype=torch.float64))
    assert found[0].item() == pytest.approx(math.sqrt(2 / (2 * 16)), rel=1e-15)
    assert found[0].item() != pytest.approx(wanted, rel=1e-2)


def log_mean_square(nets, e: torch.Tensor, scales: torch.Tensor) -> float:
    """Mean square of what many networks write, in units of the scales it should have."""
    with torch.no_grad():
        return torch.stack([(net(e) / scales).square().mean() for net in nets]).mean().item()


def test_pieces_start_at_the_scale_of_the_target():
    # Conditions and embeddings have mean square 1, the trunk keeps it, the head's rows average it.
    sizes, draw = (8, 16, 4), seeded(32).torch
    e = torch.randn(50, 4, generator=draw)
    nets = [hyper.ChunkedHyperNetwork(4, 4, (256,), sizes, 20) for _ in range(100)]
    assert log_mean_square(nets, e, hyper.start_scales(sizes)) == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("head", hyper.HEADS)
def test_heads_start_with_the_variances_they_announce(head):
    draw = seeded(33).torch
    e = F.normalize(torch.randn(64, 16, generator=draw), dim=1) * 4
    found = []
    for _ in range(5):
        net, wanted = hyper.start(head, draw)
        layers = hyper.unpack(net(e).detach(), hyper.DEEP)
        found.append(torch.tensor([W.square().mean() for W, _ in layers]))
    ratio = torch.stack(found).mean(0) / torch.tensor([weight for weight, _ in wanted])
    torch.testing.assert_close(ratio, torch.ones(len(wanted)), rtol=0.2, atol=0)


def test_signals_are_activations_and_gradients_layer_by_layer():
    # One condition, one sample: against autograd on the layers run by torch.nn.
    sizes, draw = (3, 5, 4, 2), seeded(34).torch
    net = hyper.hyperfan_(hyper.HyperNetwork(2, (6,), sizes), 1.0, draw)
    net.sizes = sizes
    e, x = torch.randn(1, 2, generator=draw), torch.randn(1, 1, 3, generator=draw)
    forward, backward = hyper.signals(net, e, x)
    (V, b), (W, c), (U, d) = hyper.unpack(net(e).detach()[0], sizes)
    h1 = F.relu(F.linear(x[0], V, b[0])).requires_grad_()
    h2 = F.relu(F.linear(h1, W, c[0]))
    f = F.linear(h2, U, d[0])
    read_out = torch.randn(1, 1, 2, generator=torch.Generator().manual_seed(0))[0]
    gradients = torch.autograd.grad((f * read_out).sum(), (h1, h2, f))
    for found, wanted in ((forward, (h1, h2, f)), (backward, gradients)):
        wanted = torch.stack([w.square().mean() for w in wanted])
        torch.testing.assert_close(found, wanted.detach())


# Magnitudes


def log_slope(net: nn.Module) -> float:
    """Slope of log std of what the condition writes over log gamma, gamma from 0.01 to 1."""
    gamma = torch.logspace(-2, 0, 21)[:, None]
    spread, at = (net(gamma) - net.head.bias).std(1).log(), gamma.log()[:, 0]
    at = at - at.mean()
    return (spread @ at / at.square().sum()).item()


def test_weights_are_proportional_to_the_condition_unless_it_is_encoded():
    sizes, draw = (1, 16, 16, 1), seeded(8).torch
    plain = hyper.hyperfan_(hyper.HyperNetwork(1, (32, 32), sizes), 1 / 3, draw)
    assert log_slope(plain) == pytest.approx(1, abs=1e-4)
    nets = [hyper.MIPHyperNetwork(1, (32, 32), sizes, draw) for _ in range(20)]
    assert np.median([abs(log_slope(net)) for net in nets]) < 0.1


def test_the_encoding_has_constant_length_and_refuses_what_is_outside():
    gamma = torch.rand(50, 7, generator=seeded(9).torch, dtype=torch.float64)
    lengths = hyper.encode(gamma).norm(dim=-1)
    torch.testing.assert_close(lengths, torch.full_like(lengths, math.sqrt(7)))
    assert hyper.encode(gamma).shape == (50, 14)
    for wrong in (1.5, -0.1, math.nan):
        with pytest.raises(ValueError, match="between 0 and 1"):
            hyper.encode(torch.tensor([0.5, wrong]))


def test_the_encoding_is_a_quarter_of_the_circle():
    found = hyper.encode(torch.tensor([[0.0], [1 / 3], [1.0]], dtype=torch.float64))
    wanted = torch.tensor([[1.0, 0.0], [math.sqrt(3) / 2, 0.5], [0.0, 1.0]], dtype=torch.float64)
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("kind", hyper.HALVES + hyper.LAZY)
def test_every_kind_of_wave_network_starts_at_the_targets_scale(kind):
    draw = seeded(35).torch
    gamma = torch.linspace(0.01, 1, 100)[:, None]
    e = hyper.trunk_input(kind, gamma)
    nets = [hyper.wave_network(kind, draw) for _ in range(300)]
    scales = hyper.start_scales(hyper.WAVE_SIZES)
    with torch.no_grad():
        added = [(net.head(net.trunk(e)) - net.head.bias) / scales for net in nets]
    found = torch.stack([a.square().mean() for a in added]).mean().item()
    halved = kind in ("MIP", "addition only")
    assert found == pytest.approx(0.25 if halved else 1.0, rel=0.2)
    theta_0 = torch.stack([net.head.bias.detach() / scales for net in nets])
    assert theta_0.square().mean().item() == pytest.approx(1.0 if halved else 0.0, rel=0.05)


def test_lazy_cures_are_what_they_are_called():
    gamma = torch.linspace(0.01, 1, 1001, dtype=torch.float64)[:, None]
    standard = hyper.trunk_input("standardised", gamma)
    assert standard.mean().item() == pytest.approx(0, abs=1e-3)
    assert standard.var().item() == pytest.approx(1, rel=1e-2)
    appended = hyper.trunk_input("1 appended", gamma.expand(-1, 3))
    assert torch.equal(appended[:, :3], gamma.expand(-1, 3)) and (appended[:, 3] == 1).all()
    with pytest.raises(ValueError, match="the kinds are default"):
        hyper.wave_network("mip", seeded(36).torch)


def test_steps_are_counted_until_a_mean_of_twenty_is_low():
    history = torch.ones(100, 2, 3)
    history[40:, 0] = 0.0
    history[10, 1] = 0.0
    found = hyper.steps_to(history, level=0.5)
    assert found.tolist() == [31, 81]  # steps 31 to 50 hold nine ones and eleven zeros


# What stands beside the first hypernetwork


def test_networks_trained_alone_learn_their_bumps():
    # A third of the steps leaves 0.07 and more; one common start is one draw, so three are made.
    line, t = torch.linspace(-1, 1, 64)[:, None], torch.linspace(0, 1, 21)[:, None]
    sizes, errors = (1, 32, 32, 1), {False: [], True: []}
    for shared, seed in ((False, 38), (True, 38), (True, 39), (True, 40)):
        theta = hyper.train_alone(line, hyper.bump(line, t), sizes, seeded(seed).torch, shared)
        found = hyper.bump_rmse(hyper.target(line, theta, sizes), line, t)
        errors[shared].append(found.median().item())
    assert np.median(errors[False]) < 0.03 and np.median(errors[True]) < 0.05


def test_one_common_start_is_common():
    line, t = torch.linspace(-1, 1, 64)[:, None], torch.linspace(0, 1, 5)[:, None]
    start = hyper.train_alone(line, hyper.bump(line, t), (1, 4, 1), seeded(38).torch, True, steps=0)
    assert torch.equal(start, start[:1].expand(5, -1))
    assert hyper.train_alone(line, line[None][:0], (1, 4, 1), seeded(38).torch, False).shape == (
        0,
        13,
    )


def test_bumps_and_their_errors():
    x, t = torch.tensor([[-0.8], [-0.65]]), torch.tensor([[0.0], [1.0]])
    torch.testing.assert_close(hyper.bump(x, t)[0, :, 0], torch.tensor([1.0, math.exp(-0.5)]))
    off = hyper.bump(x, t) + torch.tensor([3.0, -4.0])[:, None, None]
    torch.testing.assert_close(hyper.bump_rmse(off, x, t), torch.tensor([3.0, 4.0]))


def test_mixing_is_linear_interpolation_of_parameters():
    theta = torch.randn(4, 7, generator=seeded(39).torch, dtype=torch.float64)
    t = torch.linspace(0, 1, 31, dtype=torch.float64)
    wanted = [np.interp(t, np.linspace(0, 1, 4), column) for column in theta.T.numpy()]
    torch.testing.assert_close(hyper.mix(theta, t), torch.tensor(np.stack(wanted, 1)))
    assert hyper.mix(theta.float(), t).dtype == torch.float32
    for wrong in (-0.2, 1.1, math.nan):
        with pytest.raises(ValueError, match=r"t lies in \[0, 1\]"):
            hyper.mix(theta, torch.tensor([wrong]))
    with pytest.raises(ValueError, match="1 networks"):
        hyper.mix(theta[:1], t)


# Scores


def test_disagreement_is_mutual_information():
    draw = seeded(40).torch
    x = torch.randn(6, 64, generator=draw)
    theta = torch.randn(5, hyper.parameter_count(hyper.DIGITS), generator=draw) * 0.1
    same = hyper.disagreement(theta[:1].expand(5, -1), x)
    torch.testing.assert_close(same, torch.zeros(6), rtol=0, atol=1e-5)
    p = np.stack([hyper.target(x, row, hyper.DIGITS).softmax(-1).numpy() for row in theta])
    mean = p.mean(0)
    wanted = (p * np.log(p / mean)).sum(-1).mean(0)  # the mean divergence from the mean
    np.testing.assert_allclose(hyper.disagreement(theta, x).numpy(), wanted, atol=1e-5)


def test_auroc_counts_pairs():
    low, high = torch.tensor([1.0, 3.0, 3.0]), torch.tensor([2.0, 3.0])
    pairs = [(a < b) + 0.5 * (a == b) for a in low.tolist() for b in high.tolist()]
    assert hyper.auroc(low, high) == pytest.approx(np.mean(pairs))


# Splits of the digits


def test_chunks_take_less_than_a_tenth_of_writing_all_at_once():
    once = hyper.HyperNetwork(10, (32,), hyper.HALF)
    chunks = hyper.ChunkedHyperNetwork(10, 16, (32,), hyper.HALF, 64)
    assert hyper.size_of(once) == 10 * 32 + 32 + 33 * (64 * 16 + 16 + 17)
    assert hyper.size_of(chunks) < hyper.size_of(once) / 10


def test_splits_and_their_nearest():
    assert hyper.SPLITS.shape == (252, 10) and (hyper.SPLITS.sum(1) == 0).all()
    assert len(hyper.SPLITS.unique(dim=0)) == 252
    seen, asked = hyper.SPLITS[:40], hyper.SPLITS[-40:]
    found = hyper.nearest_split(seen, asked)
    agreement = (found * asked).sum(1)
    torch.testing.assert_close(agreement, (asked @ seen.T).abs().amax(1))
    rows = {tuple(row) for row in torch.cat([seen, -seen]).tolist()}
    assert all(tuple(row) in rows for row in found.tolist())


def test_the_linear_control_is_scikit_learns():
    draw = seeded(41).torch
    x, x_new = torch.randn(80, 6, generator=draw), torch.randn(9, 6, generator=draw)
    y = torch.randint(10, (80,), generator=draw)
    splits = hyper.SPLITS[::50]
    features = np.concatenate([x.numpy(), np.ones((80, 1))], 1)
    solved = Ridge(alpha=2.0, fit_intercept=False).fit(features, 2.0 * np.eye(10)[y] - 1)
    wanted = solved.predict(np.concatenate([x_new.numpy(), np.ones((9, 1))], 1))
    found = hyper.ridge_scores(x, y, x_new, splits, penalty=2.0)
    np.testing.assert_allclose(found.numpy(), splits.numpy() @ wanted.T, atol=1e-4)


def test_the_share_right_counts_signs():
    splits, y = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]), torch.tensor([0, 1, 1])
    scores = torch.tensor([[2.0, -1.0, 3.0], [-1.0, 1.0, 0.5]])
    assert hyper.share_right(scores, splits, y) == pytest.approx(5 / 6)


def test_mip_starts_as_an_ordinary_target():
    sizes, draw = (64, 64, 64, 10), seeded(10).torch
    net = hyper.MIPHyperNetwork(1, (32,), sizes, draw, share=0.0)
    theta = net(torch.rand(3, 1))
    torch.testing.assert_close(theta[0], theta[1])
    for (W, b), (weight, bias) in zip(hyper.unpack(theta[0], sizes), hyper.start_variances(sizes)):
        assert W.var().item() == pytest.approx(weight, rel=0.15)
        assert b.var().item() == pytest.approx(bias, rel=0.7)


# Counting


@pytest.mark.parametrize("sizes", [(3, 2), (64, 32, 10), (1, 16, 16, 1)])
def test_parameters_are_counted_as_torch_counts_them(sizes):
    layers = [nn.Linear(a, b) for a, b in zip(sizes, sizes[1:])]
    count = sum(p.numel() for layer in layers for p in layer.parameters())
    assert hyper.parameter_count(sizes) == count == len(hyper.start_scales(sizes))


@pytest.mark.parametrize("chunk", [16, 100, 3000])
def test_chunks_are_written_one_after_the_other(chunk):
    sizes, count = (64, 32, 10), hyper.parameter_count((64, 32, 10))
    net = hyper.ChunkedHyperNetwork(3, 5, (7,), sizes, chunk)
    pieces = math.ceil(count / chunk)
    formula = pieces * 5 + (3 + 5 + 1) * 7 + (7 + 1) * chunk
    assert sum(p.numel() for p in net.parameters()) == formula
    e = torch.randn(3, generator=seeded(11).torch)
    wanted = torch.cat([net.head(net.trunk(torch.cat([e, piece]))) for piece in net.pieces])
    torch.testing.assert_close(net(e), wanted[:count] * hyper.start_scales(sizes))


# Best responses


def test_ridge_responses_are_scikit_learns():
    sets = responses.noisy_curve(seeded(12).torch)
    X, y = responses.design(sets.x_train).numpy(), sets.y_train.numpy()[:, 0]
    for lam in (-6.0, -2.0, 2.0):
        wanted = Ridge(alpha=len(X) * math.exp(lam), fit_intercept=False).fit(X, y).coef_
        found = responses.ridge_response(sets, torch.tensor(lam, dtype=torch.float64))
        torch.testing.assert_close(found, torch.tensor(wanted), rtol=1e-8, atol=1e-10)


def test_a_hypernetwork_learns_the_ridge_response_over_a_decade():
    draw = seeded(13).torch
    sets = responses.noisy_curve(draw)
    net = hyper.MIPHyperNetwork(1, (32,), responses.CURVE, draw).double()
    low, high = -4.0, -4.0 + math.log(10)
    responses.learn_response(net, responses.ridge_loss(sets), low, high, 2000, draw)
    lam = torch.linspace(low, high, 200, dtype=torch.float64)
    found = net((lam[:, None] - low) / (high - low)).detach()
    wanted = responses.ridge_response(sets, lam)
    assert ((found - wanted).norm(dim=1) / wanted.norm(dim=1)).median() < 1e-2
    best = [responses.valid_error(sets, w).argmin() for w in (found, wanted)]
    regret = responses.valid_error(sets, wanted[best[0]]) / responses.valid_error(
        sets, wanted[best[1]]
    )
    assert regret < 1.01


# Architectures


def test_networks_made_of_neurons_do_not_care_for_their_order():
    draw = seeded(14).torch
    theta = torch.randn(hyper.parameter_count((64, 64, 10)), generator=draw, dtype=torch.float64)
    x = torch.randn(5, 64, generator=draw, dtype=torch.float64)
    z, c = architectures.neurons(theta)
    order = architectures.short_path(architectures.distances(z))
    assert sorted(order) == list(range(64))
    wanted = hyper.target(x, theta, (64, 64, 10))
    for neurons in (z, z[order]):
        torch.testing.assert_close(architectures.network(neurons, c, x), wanted, rtol=0, atol=1e-10)


def test_short_paths_are_nearly_the_shortest():
    draw = seeded(15).torch
    for _ in range(10):
        D = architectures.distances(torch.rand(7, 3, generator=draw))
        lengths = [
            architectures.path_length(D, np.array(order)) for order in permutations(range(7))
        ]
        found = architectures.path_length(D, architectures.short_path(D))
        assert min(lengths) - 1e-12 <= found <= 1.1 * min(lengths)


def test_one_linear_sweep_sums_over_all_paths():
    draw = seeded(16).torch
    A = torch.rand(2, 6, 6, generator=draw, dtype=torch.float64).tril(-1)
    x = torch.randn(2, 6, 3, generator=draw, dtype=torch.float64)
    found = architectures.traverse(x, A[:, None], lambda h: h[:, None], lambda m, h: h + m)
    eye = torch.eye(6, dtype=torch.float64)
    forward = torch.linalg.solve(eye - A, x)
    torch.testing.assert_close(found, torch.linalg.solve(eye - A.mT, forward))


# Fast weights


def test_the_delta_rule_is_a_gradient_step():
    draw = seeded(17).torch
    W = torch.randn(4, 6, generator=draw, dtype=torch.float64, requires_grad=True)
    k, v = (torch.randn(n, generator=draw, dtype=torch.float64) for n in (6, 4))
    (gradient,) = torch.autograd.grad((W @ k - v).square().sum() / 2, W)
    torch.testing.assert_close(fast.write(W, k, v, 0.3), W - 0.3 * gradient)


@pytest.mark.parametrize("length", [1, 4, 7, 16])
def test_convolution_by_fft_is_the_direct_sum(length):
    draw = seeded(18).torch
    Z = torch.randn(3, 16, generator=draw, dtype=torch.float64)
    W = torch.randn(3, length, generator=draw, dtype=torch.float64)
    wanted = np.stack([np.convolve(z, w) for z, w in zip(Z.numpy(), W.numpy())])
    wanted = wanted[:, length // 2 : length // 2 + 16]
    torch.testing.assert_close(fast.convolve(Z, W), torch.tensor(wanted))


@pytest.mark.parametrize("phi", ["unit", "softmax"])
def test_the_self_referential_matrix_against_its_formula_step_by_step(phi):
    seeded(19)
    phi = getattr(fast, phi)
    model = fast.SelfReferential(phi=phi).double()
    x = torch.randn(fast.STEPS, 2 * fast.FEATURES + fast.WAYS, dtype=torch.float64)
    with torch.no_grad():
        scores, M = model.run(x[None])
        wanted, W = fast.srwm_loop(model.W0, model.embed(x[None])[0], phi)
    torch.testing.assert_close(scores[0], wanted)
    torch.testing.assert_close(model.W0 @ M[-1][0], W)


# Sharing


def test_codes_start_the_picture_as_its_own_initialisation_would():
    sizes, draw = sharing.image_mlp(32), seeded(20).torch
    P, stds = hyper.parameter_count(sizes), sharing.start_stds(sharing.image_mlp(32))
    B, reach = sharing.signs(3, P, 400), sharing.reach([400])
    codes = sharing.unit_codes((200,), reach, draw)[:, 0]
    theta = sharing.generate(codes, B, stds, reach[0])
    for part, wanted in zip(hyper.unpack(theta, sizes), hyper.unpack(stds, sizes)):
        for found, std in zip(part, wanted):
            assert found.square().mean().sqrt().item() == pytest.approx(
                std.square().mean().sqrt().item(), rel=0.05
            )


def test_codes_are_rebuilt_to_the_last_bit():
    assert torch.equal(sharing.signs(7, 50, 30), sharing.signs(7, 50, 30))
    assert not torch.equal(sharing.signs(7, 50, 30), sharing.signs(8, 50, 30))
    assert set(sharing.signs(7, 50, 30).unique().tolist()) == {-1.0, 1.0}


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_rounding_keeps_zeros_and_loses_at_most_half_a_step(dtype):
    v = torch.randn(3, 40, generator=seeded(42).torch).to(dtype)
    v[1] = 0.0
    for bits in (2, 6):
        q, step = sharing.quantise(v, bits)
        assert q.abs().max() <= 2 ** (bits - 1) - 1
        assert ((q * step - v).abs() <= 0.51 * step).all()
        assert torch.equal(sharing.rounded(v, bits)[1], torch.zeros(40, dtype=dtype))
    tiny = torch.full((4,), 6e-8, dtype=torch.float16)
    assert sharing.rounded(tiny, 6).isfinite().all()
    with pytest.raises(ValueError, match="at least 1, at 2 bits"):
        sharing.quantise(v, 1)
    with pytest.raises(ValueError, match="at least 1, at 2 bits"):
        sharing.quantise(v[:, :0], 6)


def test_the_lstm_hypernetwork_is_torchs_lstm():
    seeded(21)
    net = sharing.LSTMHyperNetwork(3, 4, 5, (6, 4, 2), chunk=7).double()
    cell = nn.LSTMCell(7, 5).double()
    with torch.no_grad():
        cell.weight_ih.copy_(net.given.weight)
        cell.bias_ih.copy_(net.given.bias)
        cell.weight_hh.copy_(net.state.weight)
        cell.bias_hh.zero_()
        e, state, wanted = torch.randn(2, 3, dtype=torch.float64), None, []
        for piece in net.pieces:
            state = cell(torch.cat([e, piece.expand(2, -1)], 1), state)
            wanted.append(state[0])
        torch.testing.assert_close(net.states(e), torch.stack(wanted, 1))


def test_the_regulariser_is_hypnettorchs():
    # hypnettorch 0.0.4, calc_fix_target_reg: the mean over old tasks of the sum over weights.
    draw = seeded(22).torch
    old, new = torch.randn(2, 4, 9, generator=draw, dtype=torch.float64)
    by_hand = sum(((new[t] - old[t]) ** 2).sum() for t in range(4)) / 4
    torch.testing.assert_close(sharing.drift(new, old), by_hand)
