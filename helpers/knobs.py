"""Knobs: what a control can be set to, how it is called, and how its values read."""

import inspect
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from numbers import Real

import ipywidgets

MOST = 10_000
SEGMENTS = 4
NO_BREAK = "\u00a0"
LONG = re.compile(r"(?<![\d.])\d{5,}")
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class knob:
    """A control of `helpers.explore` with a name for its readers.

    Attributes:
        values: ``(low, high)`` or ``(low, high, step)`` is a range; a list stands for itself; a
            bool is a checkbox.
        label: in words, "weight decay".
        symbol: in Unicode, "β".
        unit: of the values, "px", "%".
        fmt: a format specification such as ".2f"; without it numbers read well as they are.
        plays: whether Play moves this knob; for time and steps, one a figure.
    """

    values: object
    label: str
    symbol: str = ""
    unit: str = ""
    fmt: str = ""
    plays: bool = False


@dataclass(frozen=True, kw_only=True)
class Knob(knob):
    """A knob of a figure: the argument that it sets, its values one by one, where it starts."""

    name: str
    start: int

    @property
    def kind(self) -> str:
        """The control that shows these values best."""
        if self.values == (False, True) and isinstance(self.values[0], bool):
            return "checkbox"
        if len(self.values) <= SEGMENTS:
            return "segments"
        return "range" if all(isinstance(value, Real) for value in self.values) else "menu"

    @property
    def default(self):
        return self.values[self.start]

    @property
    def title(self) -> str:
        return f"{self.label} {self.symbol}".strip()

    @cached_property
    def addresses(self) -> list[str]:
        """The values in a link: plain, with as many digits as tell them apart, six at least."""
        for digits in range(6, 18):
            texts = [_plain(value, digits) for value in self.values]
            if len(set(texts)) == len(texts):
                break
        return texts

    @cached_property
    def labels(self) -> list[str]:
        """The values as they are read, with their unit."""
        if self.kind == "checkbox":
            return ["off", "on"]
        gap = NO_BREAK if self.unit not in ("", "°") else ""
        pairs = zip(self.values, self.addresses)
        return [f"{printed(value, plain, self.fmt)}{gap}{self.unit}" for value, plain in pairs]

    def record(self) -> dict:
        """What a page's control is made from."""
        parts = ("name", "kind", "start", "label", "symbol", "plays", "addresses", "labels")
        return {part: getattr(self, part) for part in parts}

    def widget(self) -> ipywidgets.Widget:
        """The live control."""
        common = {"value": self.default, "description": self.title}
        common["style"] = {"description_width": "initial"}
        if self.kind == "checkbox":
            return ipywidgets.Checkbox(**common, indent=False)
        common["options"] = list(zip(self.labels, self.values))
        if self.kind == "segments":
            return ipywidgets.ToggleButtons(**common)
        common["layout"] = {"width": "auto", "min_width": "26rem"}
        if self.kind == "menu":
            return ipywidgets.Dropdown(**common)
        return ipywidgets.SelectionSlider(**common)


def _plain(value, digits: int) -> str:
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def printed(value, plain: str, fmt: str = "") -> str:
    """A value, written plainly by Python, as a book prints it: −3, 100,000, 3×10⁻⁵."""
    if not isinstance(value, Real):
        return plain
    mantissa, _, exponent = (f"{value:{fmt}}" if fmt else plain).partition("e")
    mantissa = LONG.sub(lambda digits: f"{int(digits[0]):,}", mantissa, count=1)
    if exponent:
        mantissa = {"1": "", "-1": "-"}.get(mantissa, f"{mantissa}×")
        mantissa += "10" + str(int(exponent)).translate(RAISED)
    return mantissa.replace("-", "−").replace("%", f"{NO_BREAK}%")


def read(draw: Callable, given: dict) -> list[Knob]:
    """The knobs of a drawing function; `helpers.explore` lists the errors."""
    parameters = inspect.signature(draw).parameters
    for name in given:
        if name not in parameters:
            raise TypeError(
                f"explore: {name!r} is no argument of {draw.__name__}({', '.join(parameters)}); "
                "name each knob after an argument"
            )
    for name, parameter in parameters.items():
        if name not in given and parameter.default is parameter.empty:
            raise TypeError(
                f"explore: {draw.__name__}'s argument {name!r} has no knob and no default"
            )
    found = [_knob(draw.__name__, name, given[name], parameters[name].default) for name in given]
    if len(plays := [k.name for k in found if k.plays]) > 1:
        raise ValueError(f"explore: {draw.__name__} plays {' and '.join(plays)}; one knob can play")
    return found


def _knob(where: str, name: str, spec, default) -> Knob:
    given = spec if isinstance(spec, knob) else knob(spec, name)
    values, what = _values(given.values), f"explore: knob {name!r} of {where}"
    if not values:
        raise ValueError(
            f"{what} is empty: {given.values!r} has no value; "
            "a range is (low, high) or (low, high, step) with low <= high and step > 0"
        )
    if any(a == b for a, b in zip(values, values[1:])):
        raise ValueError(f"{what} has equal values: {given.values!r} cannot be told apart")
    if default is inspect.Parameter.empty:
        default = values[0]
    if default not in values:
        shown = ", ".join(map(str, values[:6])) + (", ..." if len(values) > 6 else "")
        raise ValueError(f"{what}: the default {default!r} is none of its values ({shown})")
    told = vars(given) | {"values": tuple(values)}
    found = Knob(**told, name=name, start=values.index(default))
    if len(set(found.labels)) < len(values):
        raise ValueError(f"{what}: with the format {given.fmt!r} labels are equal")
    return found


def _values(spec) -> list:
    """The values that an abbreviation stands for."""
    if isinstance(spec, bool):
        return [False, True]
    if not isinstance(spec, list | tuple):
        raise ValueError(
            f"explore: {spec!r} is no knob; use (low, high, step), a list of values or a bool"
        )
    if all(isinstance(value, bool) for value in spec):
        return sorted(spec)
    numeric = all(isinstance(value, Real) for value in spec)
    if isinstance(spec, tuple) and numeric and len(spec) in (2, 3):
        return _steps(*spec)
    return list(spec)


def _steps(low: float, high: float, step: float | None = None) -> list:
    """The values of a range, without the rounding errors of many small steps."""
    if step is None:
        step = 1 if isinstance(low, int) and isinstance(high, int) else (high - low) / 10
    if not (math.isfinite(low) and math.isfinite(high) and step > 0 and high >= low):
        return []
    intervals = (high - low) / step * (1 + 1e-12) + 1e-9
    if intervals >= MOST:
        raise ValueError(f"explore: ({low}, {high}, {step}) has over {MOST} values")
    digits = 12 - math.floor(math.log10(max(abs(low), abs(high), step)))
    steps = [low + i * step for i in range(int(intervals) + 1)]
    return [round(v, digits) if isinstance(v, float) else v for v in steps]
