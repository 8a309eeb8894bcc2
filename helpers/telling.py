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
        got, wanted: numbers, arrays or tensors, real or complex; compared in double precision.
            Equal infinities agree, and so do two NaN.
        atol: the largest difference allowed.
        hint: a sentence shown when the comparison fails.

    Raises:
        AssertionError: names the shape, or the entry with the largest difference, and the hint.
        ValueError: there is nothing to compare (`wanted` is empty), or `atol` is negative or NaN.
    """
    hint = f" {hint}" if hint else ""
    if got is None:
        raise AssertionError(f"{what} is None: does the function return its result?{hint}")
    try:
        a = _array(got)
    except (TypeError, ValueError):
        raise AssertionError(f"{what} is {got!r:.60}: numbers are wanted.{hint}") from None
    b = _array(wanted)
    if not b.size or not atol >= 0:
        raise ValueError(f"check({what!r}): nothing is compared with {b.size} values, atol={atol}")
    if a.shape != b.shape:
        raise AssertionError(f"{what} has shape {a.shape}, it should be {b.shape}.{hint}")
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        gap = np.where(same, 0.0, np.abs(a - b))
    gap[np.isnan(gap)] = np.inf
    wrong = gap > atol
    if wrong.any():
        at = np.unravel_index(gap.argmax(), gap.shape)
        place = f" at index {tuple(map(int, at))}" if a.ndim else ""
        raise AssertionError(
            f"{what} is off{place}: got {a[at]:.6g}, it should be {b[at]:.6g} "
            f"({wrong.sum()} of {wrong.size} entries differ by more than {atol:g}).{hint}"
        )
    print(f"✓ {what}")


def _array(value) -> np.ndarray:
    """A double or complex double array."""
    if isinstance(value, torch.Tensor):
        wide = torch.complex128 if value.is_complex() else torch.float64
        value = value.detach().cpu().to(wide).resolve_conj().numpy()
    array = np.asarray(value)
    return array.astype(complex if np.iscomplexobj(array) else float)
