"""Knobs: what a control can be set to, read from the abbreviations of `ipywidgets.interact`."""

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import ipywidgets

MOST = 10_000


@dataclass(frozen=True)
class Knob:
    """One control: its name, the values it can take, how it looks, where it starts."""

    name: str
    values: tuple
    kind: str  # "range", "select" or "checkbox"
    start: int

    @property
    def default(self):
        return self.values[self.start]

    @cached_property
    def labels(self) -> list[str]:
        """The values in words, with as many digits as tell them apart, six at least."""
        for digits in range(6, 18):
            labels = [_label(value, digits) for value in self.values]
            if len(set(labels)) == len(labels):
                break
        return labels

    def widget(self, continuous: bool) -> ipywidgets.Widget:
        """The live control; `continuous` redraws while a slider moves, not only on release."""
        if self.kind == "checkbox":
            return ipywidgets.Checkbox(value=self.default, description=self.name)
        options = list(zip(self.labels, self.values))
        if self.kind == "select":
            return ipywidgets.Dropdown(options=options, value=self.default, description=self.name)
        return ipywidgets.SelectionSlider(
            options=options,
            value=self.default,
            description=self.name,
            continuous_update=continuous,
        )


def _label(value, digits: int) -> str:
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


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
    return [_knob(draw.__name__, name, given[name], parameters[name].default) for name in given]


def _knob(where: str, name: str, spec, default) -> Knob:
    values, kind = _values(spec)
    what = f"explore: knob {name!r} of {where}"
    if not values:
        raise ValueError(
            f"{what} is empty: {spec!r} has no value; "
            "a range is (low, high) or (low, high, step) with low <= high and step > 0"
        )
    if any(a == b for a, b in zip(values, values[1:])):
        raise ValueError(f"{what} has equal values: {spec!r} cannot be told apart")
    if default is inspect.Parameter.empty:
        default = values[0]
    if default not in values:
        shown = ", ".join(map(str, values[:6])) + (", ..." if len(values) > 6 else "")
        raise ValueError(f"{what}: the default {default!r} is none of its values ({shown})")
    return Knob(name, tuple(values), kind, values.index(default))


def _values(spec) -> tuple[list, str]:
    """The values that an abbreviation stands for, and the kind of control that shows them."""
    if isinstance(spec, bool | ipywidgets.Checkbox):
        return [False, True], "checkbox"
    if isinstance(spec, ipywidgets.IntSlider | ipywidgets.FloatSlider):
        return _steps(spec.min, spec.max, spec.step), "range"
    if hasattr(spec, "options"):
        return _values([o[1] if isinstance(o, tuple) else o for o in spec.options])
    if not isinstance(spec, list | tuple):
        raise ValueError(
            f"explore: {spec!r} is no knob; use (low, high, step), a list of values or a bool"
        )
    numeric = all(isinstance(v, int | float) for v in spec)
    if isinstance(spec, tuple) and numeric and len(spec) in (2, 3):
        return _steps(*spec), "range"
    return list(spec), "range" if numeric else "select"


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
