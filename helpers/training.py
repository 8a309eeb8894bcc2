"""One readable training loop."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from helpers.runtime import recording

METHODS = ("adam", "sgd", "lbfgs")


def fit(
    model: nn.Module,
    loss: Callable[..., Tensor],
    data: Sequence[Tensor] = (),
    *,
    steps: int = 500,
    lr: float = 1e-2,
    method: str = "adam",
    batch: int | None = None,
    generator: torch.Generator | None = None,
) -> list[float]:
    """Minimise ``loss(model, *data)`` over the model's parameters, with a progress bar.

    Args:
        model: its parameters with ``requires_grad`` are trained, in place.
        loss: called with the model and the tensors of `data`; returns a scalar.
        data: tensors with equal first dimensions (samples).
        steps: parameter updates; for "lbfgs", iterations of up to 20 evaluations each.
        lr: step size; for "lbfgs" the first step of each line search.
        method: "adam", "sgd" or "lbfgs" (full batch, strong Wolfe line search).
        batch: samples a step, drawn with `generator`; None takes them all.

    Returns:
        The loss before each update, `steps` numbers.

    Raises:
        ValueError: an unknown method, or mini-batches with L-BFGS.
        FloatingPointError: the loss became NaN or infinite; the message names the step.
    """
    if method not in METHODS:
        raise ValueError(f"fit(method={method!r}): the methods are {', '.join(METHODS)}")
    if batch is not None and method == "lbfgs":
        raise ValueError("fit(method='lbfgs') needs the whole batch: leave batch=None")
    optimizer = _optimizer(model, method, lr)
    history: list[float] = []
    with tqdm(range(steps), desc="fit", leave=False, disable=recording()) as bar:
        for step in bar:
            samples = _draw(data, batch, generator)

            def closure() -> Tensor:
                optimizer.zero_grad()
                value = loss(model, *samples)
                value.backward()
                return value

            history.append(float(optimizer.step(closure)))
            if not math.isfinite(history[-1]):
                raise FloatingPointError(
                    f"fit: the loss is {history[-1]} at step {step}; try a smaller lr than {lr:g}"
                )
            if step % 20 == 0:
                bar.set_postfix(loss=f"{history[-1]:.3g}")
    return history


def _optimizer(model: nn.Module, method: str, lr: float) -> torch.optim.Optimizer:
    parameters = [p for p in model.parameters() if p.requires_grad]
    if method == "adam":
        return torch.optim.Adam(parameters, lr=lr)
    if method == "sgd":
        return torch.optim.SGD(parameters, lr=lr)
    return torch.optim.LBFGS(
        parameters, lr=lr, tolerance_grad=0.0, tolerance_change=0.0, line_search_fn="strong_wolfe"
    )


def _draw(data: Sequence[Tensor], batch: int | None, generator) -> Sequence[Tensor]:
    if batch is None or not data:
        return data
    rows = torch.randint(len(data[0]), (batch,), generator=generator)
    return [tensor[rows] for tensor in data]
