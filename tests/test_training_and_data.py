"""The training loop, the data sets, the checks of exercises."""

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from helpers import check, data, fit, seeded


def regression():
    seeded(0)
    x = torch.linspace(-1, 1, 50)[:, None]
    return nn.Linear(1, 1), (x, 3 * x + 1)


def squared(model, x, y):
    return ((model(x) - y) ** 2).mean()


@pytest.mark.parametrize(("method", "steps"), [("adam", 400), ("sgd", 400), ("lbfgs", 10)])
def test_fit_solves_linear_regression(method, steps):
    model, samples = regression()
    history = fit(model, squared, samples, steps=steps, lr=0.1, method=method)
    assert len(history) == steps and history[-1] < 1e-3 * history[0]
    assert model.weight.item() == pytest.approx(3, abs=0.05)


def test_fit_draws_mini_batches_with_its_generator():
    def weight(ours: int, everywhere: int) -> float:
        model, samples = regression()
        torch.manual_seed(everywhere)
        generator = torch.Generator().manual_seed(ours)
        fit(model, squared, samples, steps=20, batch=8, generator=generator)
        return model.weight.item()

    assert weight(1, 1) == weight(1, 2) != weight(2, 2)


def test_fit_draws_another_batch_each_step():
    model, (x, y) = regression()
    batches = []

    def loss(model, x, y):
        batches.append(tuple(x[:, 0].tolist()))
        return squared(model, x, y)

    fit(model, loss, (x, y), steps=10, batch=8, generator=seeded(1).torch)
    assert len(set(batches)) == 10 and {len(b) for b in batches} == {8}
    assert len({place for batch in batches for place in batch}) > 30, "batches must cover the data"


def test_fit_names_the_step_at_which_the_loss_is_lost():
    model, samples = regression()
    with pytest.raises(FloatingPointError, match="the loss is nan at step 0; try a smaller lr"):
        fit(model, lambda m, x, y: squared(m, x, y) * float("nan"), samples, steps=5)
    model, samples = regression()
    with pytest.raises(FloatingPointError, match="the loss is inf at step 0"):
        fit(model, lambda m, x, y: squared(m, x, y) / 0, samples, steps=5)


def test_fit_names_bad_arguments():
    model, samples = regression()
    with pytest.raises(ValueError, match="the methods are adam, sgd, lbfgs"):
        fit(model, squared, samples, method="newton")
    with pytest.raises(ValueError, match="needs the whole batch"):
        fit(model, squared, samples, method="lbfgs", batch=4)
    for none in ((), (torch.ones(0, 1), torch.ones(0, 1))):
        with pytest.raises(ValueError, match=r"fit\(batch=2\) draws at least 1 of the samples"):
            fit(model, lambda m, *_: m.weight.sum(), none, batch=2)
    with pytest.raises(ValueError, match="data has 50, 49 samples"):
        fit(model, squared, (samples[0], samples[1][:49]))


@pytest.mark.parametrize(
    ("name", "features"), [("digits", 64), ("wine", 13), ("breast_cancer", 30)]
)
def test_tables_are_split_and_standardised(name, features):
    split = data.table(name, rng=seeded(0).numpy)
    assert split.x_train.shape[1] == features and split.x_train.dtype == torch.float32
    assert split.x_train.mean(0).abs().max() < 1e-5
    assert len(split.y_test) == len(split.x_test) and set(split.y_test.tolist()) >= {0, 1}


def test_a_table_is_split_by_its_generator_with_equal_shares():
    first, again, other = (data.table("digits", rng=seeded(k).numpy) for k in (0, 0, 1))
    assert torch.equal(first.x_test, again.x_test) and not torch.equal(first.y_test, other.y_test)
    shares = [torch.bincount(y) / len(y) for y in (first.y_train, first.y_test)]
    assert (shares[0] - shares[1]).abs().max() < 2e-3


def test_unknown_table_is_named():
    with pytest.raises(ValueError, match="the sets are digits, wine, breast_cancer"):
        data.table("mnist", rng=seeded(0).numpy)


def test_camera():
    image = data.camera(32)
    assert image[0].mean() > image[-1].mean() + 0.2, "the sky is above the grass"
    assert image[:, -1].mean() > image[:, 0].mean() + 0.2, "the man stands on the left"
    assert image.shape == (32, 32) and 0 <= image.min() < 0.2 and 0.7 < image.max() <= 1
    with pytest.raises(ValueError, match="8 to 256"):
        data.camera(4)


def test_shells_are_told_by_their_radius_and_by_no_plane():
    split = data.shells(2000, 6, rng=seeded(3).numpy)
    x, y, x_test, y_test = split
    assert x.shape == (1400, 6) and x_test.shape == (600, 6) and x.dtype == torch.float32
    assert x.mean(0).abs().max() < 1e-5 and (x.std(0, correction=0) - 1).abs().max() < 1e-5
    assert (
        torch.bincount(torch.cat([y, y_test])).diff().abs().max() <= 2
        and y_test.dtype == torch.int64
    )
    radius = [x_test[y_test == k].norm(dim=1).mean() for k in range(3)]
    assert radius[0] < radius[1] - 0.4 < radius[2] - 0.8
    linear = LogisticRegression().fit(x, y).score(x_test, y_test)
    assert abs(linear - 1 / 3) < 0.08, linear
    with pytest.raises(ValueError, match=r"shells\(n=29\): three classes"):
        data.shells(29, rng=seeded(3).numpy)


def test_a_marked_pair_has_the_label_of_the_marked_digit():
    digits = data.table("digits", rng=seeded(4).numpy)
    pairs = data.marked_pair(300, 200, rng=seeded(4).numpy)
    for (x, y), (images, labels) in ((pairs[:2], digits[:2]), (pairs[2:], digits[2:])):
        assert x.shape[1] == 129 and set(x[:, -1].tolist()) == {-1, 1}
        for row, label in zip(x[:50], y):
            marked = row[:64] if row[-1] < 0 else row[64:128]
            assert label in labels[(images == marked).all(1)]
    assert len(pairs.y_train) == 300 and len(pairs.y_test) == 200
    with pytest.raises(ValueError, match="n_test=0"):
        data.marked_pair(5, 0, rng=seeded(4).numpy)


def test_generated_data_follow_their_generator():
    for draw in (data.shells, data.marked_pair):
        one, same, other = (draw(90, rng=seeded(k).numpy) for k in (5, 5, 6))
        assert torch.equal(one.x_test, same.x_test) and not torch.equal(one.x_test, other.x_test)


def test_check_accepts_and_explains(capsys):
    check("x", torch.ones(2), [1.0, 1.0])
    assert "✓ x" in capsys.readouterr().out
    with pytest.raises(AssertionError, match=r"x has shape \(2,\), it should be \(3,\). Look."):
        check("x", [1, 2], [1, 2, 3], hint="Look.")
    with pytest.raises(
        AssertionError, match=r"off at index \(1,\): got 5, it should be 2 \(1 of 2"
    ):
        check("x", [1, 5], [1, 2])
    with pytest.raises(AssertionError, match="x is None: does the function return"):
        check("x", None, 1)
    with pytest.raises(AssertionError, match="got nan"):
        check("x", float("nan"), 1.0)


@pytest.mark.parametrize(
    ("got", "wanted"),
    [
        (math.inf, math.inf),
        ([-math.inf, 1.0], [-math.inf, 1.0]),
        (math.nan, math.nan),
        (1 + 2j, torch.tensor(1 + 2j)),
        (torch.ones(2, dtype=torch.bfloat16), np.ones(2)),
        (True, 1),
        (1 + 0.9e-8, 1.0),
    ],
)
def test_check_accepts(got, wanted):
    check("x", got, wanted)


@pytest.mark.parametrize(
    ("got", "wanted"),
    [
        (math.inf, -math.inf),
        (math.inf, 1.0),
        (1.0, math.inf),
        (1.0, math.nan),
        (math.nan, 1.0),
        (np.fft.fft([1, 2, 3]), np.fft.fft([1, 3, 2])),
        (1.0, 1 + 1e-3j),
        (1 + 1.1e-8, 1.0),
        (1 - 1.1e-8, 1.0),
        ([1.0, 2.0], [[1.0, 2.0]]),
        (torch.ones(1), 1.0),
    ],
)
def test_check_refuses(got, wanted):
    with pytest.raises(AssertionError, match=r"x is off|x has shape"):
        check("x", got, wanted)


def test_check_names_what_is_no_number_and_what_compares_nothing():
    with pytest.raises(AssertionError, match="x is 'much': numbers are wanted"):
        check("x", "much", 1.0)
    with pytest.raises(ValueError, match="nothing is compared with 0 values"):
        check("x", [], [])
    with pytest.raises(ValueError, match="atol=nan"):
        check("x", 1.0, 1.0, atol=math.nan)
