"""The training loop, the data sets, the checks of exercises."""

import pytest
import torch
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
    results = []
    for _ in range(2):
        model, samples = regression()
        fit(model, squared, samples, steps=20, batch=8, generator=seeded(1).torch)
        results.append(model.weight.item())
    assert results[0] == results[1]


def test_fit_names_the_step_at_which_the_loss_is_lost():
    model, samples = regression()
    with pytest.raises(FloatingPointError, match="the loss is nan at step 0; try a smaller lr"):
        fit(model, lambda m, x, y: squared(m, x, y) * float("nan"), samples, steps=5)


def test_fit_names_bad_arguments():
    model, samples = regression()
    with pytest.raises(ValueError, match="the methods are adam, sgd, lbfgs"):
        fit(model, squared, samples, method="newton")
    with pytest.raises(ValueError, match="needs the whole batch"):
        fit(model, squared, samples, method="lbfgs", batch=4)


@pytest.mark.parametrize(
    ("name", "features"), [("digits", 64), ("wine", 13), ("breast_cancer", 30)]
)
def test_tables_are_split_and_standardised(name, features):
    split = data.table(name, rng=seeded(0).numpy)
    assert split.x_train.shape[1] == features and split.x_train.dtype == torch.float32
    assert split.x_train.mean(0).abs().max() < 1e-5
    assert len(split.y_test) == len(split.x_test) and set(split.y_test.tolist()) >= {0, 1}


def test_unknown_table_is_named():
    with pytest.raises(ValueError, match="the sets are digits, wine, breast_cancer"):
        data.table("mnist", rng=seeded(0).numpy)


def test_camera():
    image = data.camera(32)
    assert image.shape == (32, 32) and 0 <= image.min() < 0.2 and 0.7 < image.max() <= 1
    with pytest.raises(ValueError, match="8 to 256"):
        data.camera(4)


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
