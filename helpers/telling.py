"""What a notebook tells its reader: sentences with figures from the run, checks that explain."""

import numpy as np
import torch
from IPython.display import Markdown, display


def say(markdown: str) -> None:
    """Show Markdown, usually an f-string, so that no figure in the prose can go stale."""
    display(Markdown(markdown))


def check(what: str, got, wanted, *, atol: float = 1e-8, hint: str = "") -> None:
    """Compare an answer with the value it should have, shape first.

    Args:
        what: the name of the thing compared, as the exercise's text calls it.
        got, wanted: numbers, arrays or tensors; compared in float64.
        atol: the largest difference allowed.
        hint: a sentence shown when the comparison fails.

    Raises:
        AssertionError: names the shape, or the entry with the largest difference, and the hint.
    """
    hint = f" {hint}" if hint else ""
    if got is None:
        raise AssertionError(f"{what} is None: does the function return its result?{hint}")
    a, b = _array(got), _array(wanted)
    if a.shape != b.shape:
        raise AssertionError(f"{what} has shape {a.shape}, it should be {b.shape}.{hint}")
    wrong = ~(np.abs(a - b) <= atol)
    if wrong.any():
        gap = np.where(np.isnan(a), np.inf, np.abs(a - b))
        at = np.unravel_index(gap.argmax(), gap.shape)
        place = f" at index {tuple(map(int, at))}" if a.ndim else ""
        raise AssertionError(
            f"{what} is off{place}: got {a[at]:.6g}, it should be {b[at]:.6g} "
            f"({wrong.sum()} of {wrong.size} entries differ by more than {atol:g}).{hint}"
        )
    print(f"✓ {what}")


def _array(value) -> np.ndarray:
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    return np.asarray(value, dtype=float)
