"""Claims of papers as tests: measured, compared with a bar, shown, recorded for the ledger."""

import html
import math
import zlib

from IPython.display import display

from helpers.atlas import paper
from helpers.runtime import book_seed

METADATA = "runnable-papers-claim"


class ClaimFailed(AssertionError):
    """A claim does not hold, or holds although it was said not to reproduce."""


def claim(
    key: str,
    says: str,
    *,
    measured: float,
    at_least: float | None = None,
    at_most: float | None = None,
    between: tuple[float, float] | None = None,
    reproduces: bool = True,
    because: str = "",
) -> None:
    """Check one claim of a paper at this book's scale, and show the verdict.

    Args:
        key: the paper's key in `book/atlas.yml`, written as a literal.
        says: the claim in one sentence, at the scale at which it is measured.
        measured: one finite number.
        at_least, at_most, between: the bar; exactly one of them.
        reproduces: False for a claim that is expected NOT to hold at this scale.
        because: why it does not hold; needed with ``reproduces=False``, and only there.

    Raises:
        ClaimFailed: the bar is missed, or met by a claim with ``reproduces=False``.
        KeyError: no paper has this key.
        ValueError: no bar or several, an empty range, a reason that is missing or superfluous,
            or a measurement that is not one finite number.
    """
    title = paper(key)["title"]
    low, high = _bar(key, at_least, at_most, between)
    value = _finite(key, measured)
    if reproduces == bool(because):
        raise ValueError(f"claim({key!r}): because='...' goes with reproduces=False, always")
    holds = low <= value <= high
    record = {
        "key": key,
        "title": title,
        "says": says,
        "measured": value,
        "low": low if math.isfinite(low) else None,
        "high": high if math.isfinite(high) else None,
        "holds": holds,
        "reproduces": reproduces,
        "because": because,
        "seed": book_seed(),
        "anchor": f"claim-{key}-{zlib.crc32(says.encode()):08x}",
    }
    text = f"{key}: {says} Measured {value:.3g}, bar: {bar_text(record)}."
    bundle = {"text/html": _box(record), "text/plain": text}
    display(bundle, metadata={METADATA: record}, raw=True)
    if holds != reproduces:
        why = "it holds after all: drop reproduces=False" if holds else "it does not hold"
        raise ClaimFailed(f"measured {value:.3g}, bar {bar_text(record)}: {why} ({key}: {says})")


def bar_text(record: dict) -> str:
    """A claim's bar in words, e.g. 'at most 0.001'."""
    low, high = record["low"], record["high"]
    if low is None:
        return f"at most {high:.4g}"
    return f"at least {low:.4g}" if high is None else f"between {low:.4g} and {high:.4g}"


def verdict(record: dict) -> str:
    """'holds', 'not reproduced' or 'fails'."""
    if record["holds"] != record["reproduces"]:
        return "fails"
    return "holds" if record["holds"] else "not reproduced"


def _bar(key: str, at_least, at_most, between) -> tuple[float, float]:
    if [at_least, at_most, between].count(None) != 2:
        raise ValueError(f"claim({key!r}): give exactly one bar: at_least=, at_most= or between=")
    low, high = between or (at_least, at_most)
    low = -math.inf if low is None else float(low)
    high = math.inf if high is None else float(high)
    if not low <= high:
        raise ValueError(
            f"claim({key!r}): between=({low}, {high}) is empty; the smaller number comes first"
        )
    return low, high


def _finite(key: str, measured) -> float:
    try:
        value = float(measured)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"claim({key!r}): measured must be one number, not {measured!r}"
        ) from error
    if not math.isfinite(value):
        raise ValueError(f"claim({key!r}): measured is {value}; a claim needs a finite number")
    return value


def _margin(record: dict) -> str:
    bars = [bar for bar in (record["low"], record["high"]) if bar is not None]
    return f"{min(abs(record['measured'] - bar) for bar in bars):.3g} from the bar"


def _box(record: dict) -> str:
    reason = f"<dt>Why</dt><dd>{html.escape(record['because'])}</dd>" if record["because"] else ""
    state = verdict(record)
    return (
        f'<div class="claim claim-{state.replace(" ", "-")}" id="{record["anchor"]}">'
        f'<p><strong class="claim-verdict">{state}</strong> {html.escape(record["says"])}</p>'
        f"<dl><dt>Measured</dt><dd>{record['measured']:.3g}</dd>"
        f"<dt>Bar</dt><dd>{bar_text(record)}</dd><dt>Margin</dt><dd>{_margin(record)}</dd>{reason}"
        f"<dt>Paper</dt><dd>{html.escape(record['title'])}</dd></dl></div>"
    )
