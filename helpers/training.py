"""One readable training loop."""

import math
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from helpers.runtime import recording

OPTIMIZERS = {
    "adam": torch.optim.Adam,
    "sgd": torch.optim.SGD,
    "lbfgs": partial(
        torch.optim.LBFGS, tolerance_grad=0.0, tolerance_change=0.0, line_search_fn="strong_wolfe"
    ),
}


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
        ValueError: an unknown method, mini-batches with L-BFGS or without data, or data of
            different lengths.
        FloatingPointError: the loss became NaN or infinite; the message names the step.
    """
    if method not in OPTIMIZERS:
        raise ValueError(f"fit(method={method!r}): the methods are {', '.join(OPTIMIZERS)}")
    if batch is not None and method == "lbfgs":
        raise ValueError("fit(method='lbfgs') needs the whole batch: leave batch=None")
    if batch is not None and (batch < 1 or not data or len(data[0]) == 0):
        raise ValueError(f"fit(batch={batch}) draws at least 1 of the samples in data=(x, y, ...)")
    if len({len(tensor) for tensor in data}) > 1:
        raise ValueError(f"fit: data has {', '.join(str(len(t)) for t in data)} samples")
    optimizer = OPTIMIZERS[method]([p for p in model.parameters() if p.requires_grad], lr=lr)
    history: list[float] = []
    samples = data

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss(model, *samples)
        value.backward()
        return value

    with tqdm(range(steps), desc="fit", leave=False, disable=recording()) as bar:
        for step in bar:
            if batch is not None:
                rows = torch.randint(len(data[0]), (batch,), generator=generator)
                samples = [tensor[rows] for tensor in data]
            history.append(optimizer.step(closure).item())
            if not math.isfinite(history[-1]):
                raise FloatingPointError(
                    f"fit: the loss is {history[-1]} at step {step}; try a smaller lr than {lr:g}"
                )
            if step % 20 == 0:
                bar.set_postfix(loss=f"{history[-1]:.3g}")
    return history
