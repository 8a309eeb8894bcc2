"""What must not happen: a value that is frozen on the page and looks alive."""

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from helpers.live.program import Unsupported
from helpers.live.record import EXITS, Recording
from helpers.live.trace import author_line, line_of

TOLERANCE = {torch.float64: 1e-9}
ROUGH = 1e-5
FROZEN = "takes a value that moves out of torch, where a page cannot follow:"


class LiveError(ValueError):
    """A figure that a page cannot repeat; the message has the author's line and a way out."""


def same_exits(name: str, start: Recording, other: Recording) -> None:
    """What left torch must not move with the inputs.

    Raises:
        LiveError: a value left torch, by the line named, and differs between two settings.
    """
    for (line, method, value), (_, _, moved) in zip(start.left, other.left):
        if not (value.shape == moved.shape and torch.equal(value, moved)):
            raise LiveError(f"{name}: {line}\n  {FROZEN} {EXITS[method]}")
    if len(start.left) != len(other.left):
        longer = max(start.left, other.left, key=len)
        line, method, _ = longer[min(len(start.left), len(other.left))]
        raise LiveError(f"{name}: {line}\n  {FROZEN} {EXITS[method]}")


def same_outputs(
    name: str, got: list[Tensor], wanted: list[Tensor], start: Recording, traced: bool = False
) -> None:
    """Two runs must draw the same: the function twice, or the traced graph and the function.

    Raises:
        LiveError: they do not, at the line named.
    """
    if len(got) != len(wanted):
        raise LiveError(f"{name}: it draws another number of things at another setting")
    for i, (a, b) in enumerate(zip(got, wanted)):
        near = TOLERANCE.get(b.dtype, ROUGH)
        if a.shape == b.shape and torch.allclose(
            a.detach().double(), b.detach().double(), rtol=near, atol=near, equal_nan=True
        ):
            continue
        line = next((m.line for m in start.marks if i in m.at.values()), "the state it returns")
        if a.shape != b.shape:
            why = "has another number of points at another setting; a page draws a fixed number"
        elif traced:
            why = (
                "does not follow on the page: something before it was computed outside of torch "
                "(numpy, torch.tensor or as_tensor of values that move, a table looked up)"
            )
        else:
            why = "is drawn at random; draw random numbers once, outside the function"
        raise LiveError(f"{name}: {line}\n  {why}")


@contextmanager
def explained(name: str, f: Callable, inputs: dict[str, Tensor]) -> Iterator[None]:
    """Say what torch or we refuse in the author's words and with the author's line.

    Raises:
        LiveError: in place of any other error.
    """
    try:
        yield
    except LiveError:
        raise
    except Unsupported as error:
        line = line_of(error.operation, f, inputs) if error.operation else ""
        why = error.why or f"a page cannot run torch's {error.operation!r}"
        raise LiveError(f"{name}: {line or 'inside a derivative'}\n  {why}") from None
    except Exception as error:
        line = author_line(traceback.extract_tb(error.__traceback__))
        why = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        if "tracing tensor" in why or "data-dependent" in why:
            why = f"it depends on values that move; {EXITS['__bool__']}; {EXITS['item']}"
        raise LiveError(f"{name}: {line}\n  {why}") from error
