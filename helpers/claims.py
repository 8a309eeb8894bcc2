"""Claims of papers as tests: measured beside a control, compared with a bar, recorded.

A claim shows something only if a lazy method misses its bar. So each claim names one, the control,
measured on the same data in the same run; and the methods that it is compared with, its rivals,
have a floor of their own, for a crippled rival makes every claim easier.
"""

import html
import math
import zlib
from collections.abc import Sequence

from IPython.display import display

from helpers.atlas import paper
from helpers.runtime import book_seed

METADATA = "runnable-papers-claim"
ASKS = {"paper": "the paper", "ours": "this book: a question of ours"}
Control = tuple[str, float]


class ClaimFailed(AssertionError):
    """A claim does not hold, shows nothing, or holds although it was said not to reproduce."""


def claim(
    key: str,
    says: str,
    *,
    measured: float,
    at_least: float | None = None,
    at_most: float | None = None,
    between: tuple[float, float] | None = None,
    control: Control | Sequence[Control] | None = (),
    rival: dict | Sequence[dict] = (),
    asks: str = "paper",
    reproduces: bool = True,
    because: str = "",
) -> None:
    """Check one claim of a paper at this book's scale, and show the verdict.

    Args:
        key: the paper's key in `book/atlas.yml`, written as a literal.
        says: the claim in one sentence that can be read alone, with the scale of the measurement.
        measured: one finite number.
        at_least, at_most, between: the bar; exactly one of them.
        control: ("an untrained network", its value of the same quantity), or several: the laziest
            methods that could pass, or the method without its key factor. Each must miss the bar.
            None, written out, says "no control yet"; `tests/waiting.yml` counts these.
        rival: what `rival()` returns, or several: the methods compared with, and their floors.
        asks: "paper" for a sentence of the paper, "ours" for a question of this book's.
        reproduces: False for a claim that is expected NOT to hold at this scale.
        because: why it does not hold and what was tried; with ``reproduces=False``, and only there.

    Raises:
        ClaimFailed: the bar is missed; or a control passes it as well; or a rival is below its
            floor; or a claim with ``reproduces=False`` holds.
        KeyError: no paper has this key.
        ValueError: no bar or several, an empty range, a reason or a control that is missing or
            superfluous, or a measurement that is not one finite number.
    """
    where = f"claim({key!r})"
    bar = _bar(where, at_least, at_most, between)
    value = _finite(where, "measured", measured)
    controls = _controls(where, control)
    rivals = [rival] if isinstance(rival, dict) else list(rival)
    if reproduces == bool(because):
        raise ValueError(f"{where}: because='...' goes with reproduces=False, always")
    if reproduces and control is not None and not controls:
        raise ValueError(f"{where}: control=('the laziest method that could pass', ...) is missing")
    if controls and not reproduces:
        raise ValueError(f"{where}: a control goes with a claim that holds")
    if asks not in ASKS:
        raise ValueError(f"{where}: asks={asks!r}; it is 'paper' or 'ours'")
    record = {"key": key, "title": paper(key)["title"], "says": says, "measured": value, **bar}
    record |= {"controls": controls, "rivals": rivals, "asks": asks, "holds": passes(bar, value)}
    record |= {"reproduces": reproduces, "because": because, "seed": book_seed()}
    record["anchor"] = f"claim-{key}-{zlib.crc32(says.encode()):08x}"
    text = f"{key}: {says} Measured {value:.3g}, bar: {bar_text(record)}."
    bundle = {"text/html": _box(record), "text/plain": text}
    display(bundle, metadata={METADATA: record}, raw=True)
    if fault := trouble(record):
        raise ClaimFailed(f"{fault} ({key}: {says})")


def rival(name: str, *, measured: float, at_least=None, at_most=None, between=None) -> dict:
    """The quality of a method that a claim compares with, and the floor under it.

    Args:
        name: method and measure in words, "the MLP's share of test digits right".
        measured, at_least, at_most, between: its value and bar, as in `claim`; the bar is what the
            method is known to reach (a peer's figure, its own optimum), tuned as well as ours.

    Raises:
        ValueError: no bar or several, an empty range, or no finite number.
    """
    where = f"rival({name!r})"
    bar = _bar(where, at_least, at_most, between)
    return {"name": name, "measured": _finite(where, "measured", measured), **bar}


def passes(bar: dict, value: float) -> bool:
    """Whether a value clears the bar ("low" and "high") of a claim or a rival."""
    low = -math.inf if bar["low"] is None else bar["low"]
    return low <= value <= (math.inf if bar["high"] is None else bar["high"])


def trouble(record: dict) -> str:
    """Why a claim fails; '' for one that does not."""
    figures = f"measured {record['measured']:.3g}, bar {bar_text(record)}"
    if record["holds"] and not record["reproduces"]:
        return f"{figures}: it holds after all: drop reproduces=False"
    if record["reproduces"] and not record["holds"]:
        return f"{figures}: it does not hold"
    for name, value in record["controls"]:
        if passes(record, value):
            return f"the control passes as well, so the claim shows nothing: {name} {value:.3g}"
    for floor in record["rivals"]:
        if not passes(floor, floor["measured"]):
            value = floor["measured"]
            return f"the rival is not at its best: {floor['name']} {value:.3g}, {bar_text(floor)}"
    return ""


def bar_text(bar: dict) -> str:
    """A bar in words, e.g. 'at most 0.001'."""
    low, high = bar["low"], bar["high"]
    if low is None:
        return f"at most {high:.4g}"
    return f"at least {low:.4g}" if high is None else f"between {low:.4g} and {high:.4g}"


def verdict(record: dict) -> str:
    """'holds', 'no control yet', 'not reproduced' or 'fails'."""
    if trouble(record):
        return "fails"
    if not record["holds"]:
        return "not reproduced"
    return "holds" if record["controls"] else "no control yet"


def distance(record: dict) -> str:
    """How far a measurement is from its bar, in words: '46 % below the bar'."""
    value, low, high = record["measured"], record["low"], record["high"]
    if low is not None and high is not None:
        share = min(value - low, high - value) / ((high - low) or 1)
        return f"{abs(share):.0%} of the range {'inside' if share >= 0 else 'outside'} its edge"
    bar = high if low is None else low
    side = "below" if value < bar else "above"
    if value == bar:
        return "on the bar"
    if value * bar <= 0:
        return f"{abs(value - bar):.3g} {side} the bar"
    times = max(value / bar, bar / value)
    if times >= 3:
        return f"{times:.3g} times {side} the bar"
    return f"{abs(value - bar) / abs(bar):.0%} {side} the bar"


def _bar(where: str, at_least, at_most, between) -> dict[str, float | None]:
    if [at_least, at_most, between].count(None) != 2:
        raise ValueError(f"{where}: give exactly one bar: at_least=, at_most= or between=")
    low, high = between or (at_least, at_most)
    low, high = (b if b is None else _finite(where, "the bar", b) for b in (low, high))
    if between and not low <= high:
        raise ValueError(f"{where}: between=({low}, {high}) is empty; the smaller comes first")
    return {"low": low, "high": high}


def _controls(where: str, control) -> list[tuple[str, float]]:
    given = [] if control is None else list(control)
    if len(given) == 2 and isinstance(given[0], str):
        given = [tuple(given)]
    if control is not None and not all(isinstance(c, tuple) and len(c) == 2 for c in given):
        raise ValueError(f"{where}: control is ('name', value) or a list of such pairs")
    return [(name, _finite(where, f"the control {name!r}", value)) for name, value in given]


def _finite(where: str, what: str, number) -> float:
    try:
        value = float(number)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{where}: {what} must be one number, not {number!r}") from error
    if not math.isfinite(value):
        raise ValueError(f"{where}: {what} is {value}; a claim needs a finite number")
    return value


def _box(record: dict) -> str:
    row, state = paper(record["key"]), verdict(record)
    title = html.escape(record["title"])
    if row.get("verified"):
        title = f'<a href="https://arxiv.org/abs/{row["arxiv"]}">{title}</a>'
    rivals = [(r["name"], f"{r['measured']:.3g}, {bar_text(r)}") for r in record["rivals"]]
    facts = [
        ("Measured", f"{record['measured']:.3g}, {distance(record)}"),
        ("Bar", bar_text(record)),
        *(("Control", f"{html.escape(name)}: {value:.3g}") for name, value in record["controls"]),
        *(("Rival", f"{html.escape(name)}: {found}") for name, found in rivals),
        *([("Why", html.escape(record["because"]))] if record["because"] else []),
        ("Asked by", ASKS[record["asks"]]),
        ("Paper", title),
    ]
    rows = "".join(f"<dt>{name}</dt><dd>{fact}</dd>" for name, fact in facts)
    return (
        f'<div class="claim claim-{state.replace(" ", "-")}" id="{record["anchor"]}">'
        f'<p><strong class="claim-verdict">{state}</strong> {html.escape(record["says"])}</p>'
        f"<dl>{rows}</dl></div>"
    )
