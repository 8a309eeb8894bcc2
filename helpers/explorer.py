"""Sliders in three lives: widgets on a live kernel, recorded frames on a page, one in a PDF."""

import html
import inspect
import itertools
import time
from base64 import b64encode
from collections.abc import Callable

import ipywidgets
from IPython.display import display
from matplotlib.figure import Figure

from helpers import frames, knobs, page
from helpers.runtime import recording

METADATA = "runnable-papers-explore"
BUDGET = 96
SLOW = 0.2


def explore(**knobs_given) -> Callable:
    """Put controls under a function that draws one matplotlib figure.

    The function's arguments are the knobs, its defaults their first positions, its docstring the
    caption and alternative text. Expensive work belongs outside the function. Without knobs the
    result is a plain figure with caption and alternative text.

    Args:
        **knobs_given: ``(low, high)`` or ``(low, high, step)`` is a range; a list of numbers a
            slider over them; a list of strings a menu; a bool a checkbox; a selection, slider or
            checkbox widget of ipywidgets stands for itself.

    Returns:
        A decorator that shows the control and returns the function, with its `Explorer` as
        attribute ``explorer``.

    Raises:
        TypeError: a knob that is no argument of the function, or an argument without knob and
            default.
        ValueError: an empty range, a default that is no position of its knob, a missing
            docstring, or more settings than the budget of 96.
    """

    def decorate(draw: Callable) -> Callable:
        draw.explorer = Explorer(draw, knobs_given)
        draw.explorer.show()
        return draw

    return decorate


class Explorer:
    """A drawing function with its knobs, and the frames drawn so far."""

    def __init__(self, draw: Callable, given: dict) -> None:
        self.draw = draw
        self.name = draw.__name__
        self.caption = " ".join((inspect.getdoc(draw) or "").split())
        if not self.caption:
            raise ValueError(f"explore: {self.name} needs a docstring; it becomes the caption")
        self.knobs = knobs.read(draw, given)
        self.start = {knob.name: knob.default for knob in self.knobs}
        grid = itertools.product(*(knob.values for knob in self.knobs))
        self.settings = [dict(zip(self.start, values)) for values in grid]
        self.kind: str | None = None
        self.first: Figure | None = None  # as drawn for the default setting
        self.errors: list[str] = []
        self._drawn: dict[str, str] = {}
        self._check_budget()

    def frame(self, setting: dict) -> str:
        """Markup of the figure at one setting, drawn once; a failure becomes its message."""
        where = ", ".join(f"{name}={value!r}" for name, value in setting.items())
        if where not in self._drawn:
            try:
                figure = frames.figure_of(self.draw, **setting)
                self.kind = self.kind or frames.best_format(figure)
                self.first = figure if setting == self.start else self.first
                self._drawn[where] = frames.RENDERERS[self.kind](figure)
            except Exception as error:
                message = f"{self.name}({where}): {type(error).__name__}: {error}"
                self.errors.append(message)
                self._drawn[where] = f'<p class="explore-error">{html.escape(message)}</p>'
        return self._drawn[where]

    def show(self) -> None:
        """Display the recorded page while the book is built, else live widgets."""
        live = self.knobs and not recording()
        bundle = self._live() if live else {"text/html": self.record()}
        metadata = {} if live else {METADATA: self.summary}
        bundle = {"text/plain": self.caption, **bundle, **self._print()}
        display(bundle, metadata=metadata, raw=True)
        if self.errors and not recording():
            raise RuntimeError(self.errors[0])

    def record(self) -> str:
        """The static page's HTML with all frames; what was recorded is in `summary`."""
        first = self.frame(self.start)
        markups = [self.frame(setting) for setting in self.settings]
        if self.knobs:
            markup = page.interactive(self.name, self.caption, first, self.knobs, markups)
        else:
            markup = page.plain(self.name, self.caption, self.caption, first)
        self.summary = {
            "name": self.name,
            "settings": len(markups),
            "frames": len(set(markups)),
            "format": self.kind,
            "bytes": frames.weight(markup),
            "errors": self.errors,
        }
        return markup

    def _live(self) -> dict:
        """Widgets over the memo of frames; a slow figure is redrawn on release only."""
        started = time.perf_counter()
        self.picture = ipywidgets.HTML(self.frame(self.start))
        fast = time.perf_counter() - started < SLOW
        self.controls = {knob.name: knob.widget(continuous=fast) for knob in self.knobs}
        status = ipywidgets.Label("")

        def redraw(_change) -> None:
            status.value = "drawing …"
            self.picture.value = self.frame({n: c.value for n, c in self.controls.items()})
            status.value = ""

        for control in self.controls.values():
            control.observe(redraw, names="value")
        row = ipywidgets.HBox([*self.controls.values(), status], layout={"flex_flow": "row wrap"})
        caption = ipywidgets.HTML(f"<em>{html.escape(self.caption)}</em>")
        return ipywidgets.VBox([row, self.picture, caption])._repr_mimebundle_()

    def _print(self) -> dict:
        """The default frame as PNG, for PDF; nothing where it cannot be drawn."""
        if self.first is None:
            return {}
        return {"image/png": b64encode(frames.png(self.first)).decode()}

    def _check_budget(self) -> None:
        total = len(self.settings)
        if total > BUDGET:
            sizes = {knob.name: len(knob.values) for knob in self.knobs}
            widest = max(sizes, key=sizes.get)
            product = " x ".join(f"{size} {name}" for name, size in sizes.items())
            raise ValueError(
                f"explore: {self.name} has {total} settings ({product}), the budget is {BUDGET}; "
                f"coarsen {widest!r}, which has {sizes[widest]} values"
            )
