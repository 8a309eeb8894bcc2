"""The samples page's definitions against autograd, numbers by hand and sums written out."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from helpers import chapter, seeded

ntk = chapter("ntk")
samples = chapter("ntk/samples")


@pytest.fixture
def toy():
    rng = seeded(41)
    model = ntk.ntk_mlp([3, 12, 4], nn.Tanh)
    x = torch.randn(7, 3, dtype=torch.float64, generator=rng.torch)
    return model, x, torch.tensor([0, 1, 2, 3, 0, 1, 2])


def gradient(model, value):
    return torch.cat([g.flatten() for g in torch.autograd.grad(value, list(model.parameters()))])


def test_weighted_kernel_is_the_scalar_product_of_gradients_of_weighted_logits(toy):
    model, x, y = toy
    for v in (samples.signs(y, 4), samples.centred(y, 4), samples.label_errors(model, x, y)):
        rows = torch.stack(
            [gradient(model, (model(x[i : i + 1])[0] * v[i]).sum()) for i in range(7)]
        )
        got = samples.weighted_kernel(model, x, v)
        torch.testing.assert_close(got, rows @ rows.T, atol=1e-10, rtol=0)


def test_weighted_kernel_of_pictures_keeps_their_shape():
    x = torch.randn(4, 1, 9, 9, generator=seeded(42).torch)
    model, v = samples.template_net(3, 5), torch.randn(4, 3)
    rows = torch.stack([gradient(model, (model(x[i : i + 1])[0] * v[i]).sum()) for i in range(4)])
    torch.testing.assert_close(
        samples.weighted_kernel(model, x, v), rows @ rows.T, atol=1e-4, rtol=0
    )


def test_vectors_of_labels_by_hand():
    y = torch.tensor([2, 0])
    signs = torch.tensor([[-1.0, -1, 1, -1], [1, -1, -1, -1]]).double() / 2
    centred = torch.tensor([[-1.0, -1, 3, -1], [3, -1, -1, -1]]).double() / 4
    torch.testing.assert_close(samples.signs(y, 4), signs)
    torch.testing.assert_close(samples.centred(y, 4), centred)


def test_label_errors_are_minus_the_derivative_of_the_loss_by_the_logits(toy):
    model, x, y = toy
    z = model(x).detach().requires_grad_()
    (slope,) = torch.autograd.grad(F.cross_entropy(z, y, reduction="sum"), z)
    torch.testing.assert_close(samples.label_errors(model, x, y), -slope)


def test_lessons_are_drops_of_the_loss_per_unit_of_step(toy):
    model, x, y = toy
    got = samples.lessons(model, x, y, [2, 5], 1e-6)
    slopes = [gradient(model, F.cross_entropy(model(x[i : i + 1]), y[i : i + 1])) for i in range(7)]
    for row, u in zip(got, (2, 5)):
        wanted = torch.stack([slopes[u] @ slopes[o] for o in range(7)])
        torch.testing.assert_close(row, wanted, atol=1e-4, rtol=0)
    assert got[0, 2] > 0


def test_a_lesson_of_ordinary_size_is_a_step_that_is_taken(toy):
    model, x, y = toy
    before = F.cross_entropy(model(x), y, reduction="none").detach()
    got = samples.lessons(model, x, y, [3], 0.2)[0]
    slope = torch.autograd.grad(F.cross_entropy(model(x[3:4]), y[3:4]), list(model.parameters()))
    with torch.no_grad():
        for p, d in zip(model.parameters(), slope):
            p -= 0.2 * d
    after = F.cross_entropy(model(x), y, reduction="none").detach()
    torch.testing.assert_close(got, (before - after) / 0.2)


def test_learning_keeps_copies_and_losses_of_the_same_moments(toy):
    model, x, y = toy
    copies, losses = samples.learn(model, x, y, (0, 4, 30), seeded(43).torch)
    assert len(copies) == 3 and losses.shape == (3, 7)
    for one, row in zip(copies, losses):
        torch.testing.assert_close(F.cross_entropy(one(x), y, reduction="none").detach(), row)
    assert losses[2].mean() < losses[0].mean()
    assert not losses.requires_grad


def test_cosine_has_ones_and_refuses_a_zero():
    S = torch.tensor([[4.0, 1.0], [1.0, 9.0]])
    torch.testing.assert_close(samples.cosine(S), torch.tensor([[1.0, 1 / 6], [1 / 6, 1.0]]))
    for bad in (0.0, -1.0, math.nan):
        S[0, 0] = bad
        with pytest.raises(ValueError, match="length 0"):
            samples.cosine(S)


def test_heads_are_the_farthest_points_by_hand():
    """Points 0, 1, 5, 6, 20 on a line; similarity is minus distance, the first head forced."""
    place = torch.tensor([0.0, 1.0, 5.0, 6.0, 20.0])
    S = -(place[:, None] - place).abs()
    S[1, 1] = 0.5
    assert samples.cluster_heads(S, 5).tolist() == [1, 4, 3, 0, 2]
    assert samples.cluster_heads(S, 1).tolist() == [1]


def test_heads_of_duplicates_are_still_different_samples():
    assert sorted(samples.cluster_heads(torch.ones(4, 4), 4).tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize("number", [0, 5])
def test_too_few_or_too_many_heads_are_refused(number):
    with pytest.raises(ValueError, match=f"number={number}"):
        samples.cluster_heads(torch.eye(4), number)


def test_heads_in_class_never_leave_their_class():
    rng = seeded(44)
    v = torch.randn(20, 6, generator=rng.torch)
    y = torch.tensor([3, 1] * 10)
    heads = samples.heads_in_class(v @ v.T, y, 4)
    assert heads.shape == (2, 4)
    assert (y[heads[0]] == 1).all() and (y[heads[1]] == 3).all()
    assert len(heads.unique()) == 8


def test_wandering_pictures_are_whole_and_stand_everywhere():
    rng = seeded(45)
    pictures = torch.rand(400, 64, generator=rng.torch) + 0.1
    canvas = samples.wander(pictures, 11, rng.torch)
    assert canvas.shape == (400, 1, 11, 11)
    assert ((canvas > 0).sum((1, 2, 3)) == 64).all()
    for i in range(400):
        torch.testing.assert_close(canvas[i][canvas[i] > 0], pictures[i])
    rows = (canvas[:, 0].sum(2) > 0).int().argmax(1)
    columns = (canvas[:, 0].sum(1) > 0).int().argmax(1)
    assert set(rows.tolist()) == set(columns.tolist()) == {0, 1, 2, 3}
    assert np.corrcoef(rows, columns)[0, 1] == pytest.approx(0, abs=0.2)
    torch.testing.assert_close(samples.wander(pictures, 8, rng.torch).flatten(1), pictures)
    with pytest.raises(ValueError, match="side=7"):
        samples.wander(pictures, 7, rng.torch)


def test_the_template_net_does_not_see_where_a_picture_stands():
    picture = torch.rand(1, 64)
    net = samples.template_net(10)
    canvas = torch.zeros(2, 1, 26, 26)
    canvas[0, 0, 6:14, 7:15] = canvas[1, 0, 9:17, 8:16] = picture.view(8, 8)
    z = net(canvas)
    torch.testing.assert_close(z[0], z[1])


def test_agreement_by_hand():
    kernel = torch.tensor([[9.0, 3.0, -2.0, 1.0], [1.0, 9.0, 4.0, -5.0]])
    drop = torch.tensor([[1.0, 1.0, 1.0, -1.0], [1.0, 1.0, -1.0, -1.0]])
    # Pairs: 3 right, -2 wrong, 1 wrong, 1 right, 4 wrong, -5 right; the median of |kernel| is 2.
    assert samples.agreement(kernel, drop) == pytest.approx(2 / 4)


def test_own_class_is_the_mean_cosine_with_others_of_the_label():
    v = torch.tensor([[1.0, 0.0], [2.0, 2.0], [0.0, 3.0], [-1.0, 0.0], [5.0, 1.0]]).double()
    y = torch.tensor([0, 0, 0, 1, 2])
    half = 1 / math.sqrt(2)
    wanted = torch.tensor([half / 2, half, half / 2, 0.0, 0.0]).double()
    torch.testing.assert_close(samples.own_class(v @ v.T, y), wanted)


def test_pixel_kernel_does_not_see_a_common_brightness():
    x = torch.rand(5, 1, 3, 3, dtype=torch.float64, generator=seeded(46).torch)
    got = samples.pixel_kernel(x)
    torch.testing.assert_close(samples.pixel_kernel(x + 2), got)
    flat = x.flatten(1).numpy()
    np.testing.assert_allclose(got.numpy(), (flat - flat.mean(0)) @ (flat - flat.mean(0)).T)


def test_neighbours_of_two_clumps():
    x = torch.cat([torch.zeros(11, 2), torch.full((11, 2), 9.0)])
    x = x + 0.01 * torch.randn(22, 2, generator=seeded(47).torch)
    y = torch.tensor([0] * 11 + [1] * 11)
    y[3] = 1
    share = samples.neighbours(x, y)
    assert share[3] == 0
    torch.testing.assert_close(share[:3], torch.full((3,), 0.9).double())
    torch.testing.assert_close(share[11:], torch.ones(11).double())


def test_flipped_labels_are_wrong_all_of_them_and_no_others():
    rng = seeded(48)
    y = torch.arange(2000) % 10
    flipped, wrong = samples.flip(y, 0.25, rng)
    assert wrong.sum() == 500
    assert (flipped[wrong] != y[wrong]).all() and (flipped[~wrong] == y[~wrong]).all()
    steps = (flipped - y)[wrong] % 10
    assert set(steps.tolist()) == set(range(1, 10))
    same, none = samples.flip(y, 0.0, rng)
    assert none.sum() == 0 and (same == y).all()


def test_caught_counts_the_smallest_scores():
    wrong = torch.tensor([True, False, True, False, False, True])
    score = torch.tensor([0.1, 0.2, 0.9, 0.8, 0.7, 0.05])
    assert samples.caught(score, wrong) == pytest.approx(2 / 3)


def test_two_classes_have_the_exact_sign():
    rng = seeded(49)
    model = ntk.ntk_mlp([5, 16, 2])
    x = torch.randn(12, 5, dtype=torch.float64, generator=rng.torch)
    y = torch.arange(12) % 2
    kernel = samples.weighted_kernel(model, x, samples.signs(y, 2))
    drop = samples.lessons(model, x, y, range(12), 1e-7)
    clear = drop.abs() > 1e-4
    assert (kernel.sign() == drop.sign())[clear].all()


def test_a_class_with_more_labels_than_four_is_called_helpful():
    """The closed form of a wide network: (K - 4) / K between labels."""
    x = torch.randn(2, 6, dtype=torch.float64, generator=seeded(50).torch)
    model = ntk.ntk_mlp([6, 20_000, 10])
    x[1] = x[0]
    kernel = samples.weighted_kernel(model, x, samples.signs(torch.tensor([2, 7]), 10))
    assert (kernel[0, 1] / kernel[0, 0]).item() == pytest.approx(0.6, abs=0.05)
