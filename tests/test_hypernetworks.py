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
    with pytest.raises(ValueError, match="between 0 and 1"):
        hyper.encode(torch.tensor([1.5]))


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
