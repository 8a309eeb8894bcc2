"""Sliders in three lives: widgets on a live kernel, recorded frames on a page, one in a PDF."""

import asyncio
import contextlib
import html
import inspect
import itertools
import json
import time
from base64 import b64encode
from collections.abc import Callable

import ipywidgets
from IPython.display import display
from matplotlib.figure import Figure

from helpers import frames, knobs
from helpers.runtime import recording

METADATA = "runnable-papers-explore"
BUDGET = 96
SLOW, PAUSE, AHEAD = 0.2, 0.03, (1, -1, 2, -2, 3)  # seconds; seconds; steps


def explore(**knobs_given) -> Callable:
    """Put controls under a function that draws one matplotlib figure.

    Its arguments are the knobs, its defaults their first positions, its docstring the caption and
    alternative text. Expensive work belongs outside it. Without knobs it is a plain figure.

    Args:
        **knobs_given: a `helpers.knob`, or its values alone. Up to four values are shown as
            buttons, more numbers as a slider, more strings as a menu, a bool as a checkbox.

    Returns:
        A decorator that shows the control and returns the function, with its `Explorer` as
        attribute ``explorer``.

    Raises:
        TypeError: a knob that is no argument of the function, or an argument without knob and
            default.
        ValueError: an empty range, a default that is no position of its knob, labels that are
            equal, two knobs that play, a missing docstring, or more than 96 settings.
    """

    def decorate(draw: Callable) -> Callable:
        draw.explorer = Explorer(draw, knobs_given)
        draw.explorer.show()
        return draw

    return decorate


class Explorer:
    """A drawing function with its knobs, and the frames drawn so far."""

    _task: asyncio.Task | None = None

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
        sizes = {knob.name: len(knob.values) for knob in self.knobs}
        if (total := len(self.settings)) > BUDGET:
            product = " x ".join(f"{size} {name}" for name, size in sizes.items())
            widest = max(sizes, key=sizes.get)
            raise ValueError(
                f"explore: {self.name} has {total} settings ({product}), the budget is {BUDGET}; "
                f"coarsen {widest!r}, which has {sizes[widest]} values"
            )

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
        bundle = {"text/plain": self.caption, **bundle}
        if self.first:  # for PDF
            bundle["image/png"] = b64encode(frames.png(self.first)).decode()
        display(bundle, metadata=metadata, raw=True)
        if self.errors and not recording():
            raise RuntimeError(self.errors[0])

    def record(self) -> str:
        """The default frame as HTML, and data for the book's build; says more in `summary`."""
        first = self.frame(self.start)
        markups = [self.frame(setting) for setting in self.settings]
        told = [knob.record() for knob in self.knobs]
        data = {"name": self.name, "knobs": told, **frames.pack(markups)}
        text = json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("</", "<\\/")
        shown = ", ".join(f"{knob.title} {knob.labels[knob.start]}" for knob in self.knobs)
        alt = html.escape(self.caption + (f" Shown: {shown}." if shown else ""))
        script = f'<script type="application/json" class="explore-data">{text}</script>'
        markup = (
            f'<figure class="explore" id="{self.name}">'
            f'<div class="explore-frame" role="img" aria-label="{alt}">{first}</div>'
            f"{script * bool(shown)}<figcaption>{html.escape(self.caption)}</figcaption></figure>"
        )
        self.summary = {"name": self.name, "knobs": {k.name: k.addresses for k in self.knobs}}
        self.summary |= {"settings": len(markups), "frames": len(set(markups))}
        self.summary |= {"format": self.kind, "bytes": frames.weight(markup), "errors": self.errors}
        return markup

    def _live(self) -> dict:
        """Widgets over the memo of frames; a slow figure is redrawn on release only."""
        self.controls = {knob.name: knob.widget() for knob in self.knobs}
        self.picture, status = ipywidgets.HTML(self.frame(self.start)), ipywidgets.Label("")

        def redraw(_change=None) -> None:
            here, status.value = {n: c.value for n, c in self.controls.items()}, "drawing …"
            self.picture.value = self._timed(here)
            status.value = ""
            with contextlib.suppress(RuntimeError):  # outside of a kernel nothing idles
                loop = asyncio.get_running_loop()
                if self._task:
                    self._task.cancel()
                self._task = loop.create_task(self._draw_ahead(here))

        for control in self.controls.values():
            control.observe(redraw, names="value")
        redraw()
        row = ipywidgets.HBox([*self.controls.values(), status], layout={"flex_flow": "row wrap"})
        caption = ipywidgets.HTML(f"<em>{html.escape(self.caption)}</em>")
        return ipywidgets.VBox([row, self.picture, caption])._repr_mimebundle_()

    def _timed(self, setting: dict) -> str:
        """A frame; sliders follow a drag as long as new ones come fast."""
        began, known = time.perf_counter(), len(self._drawn)
        markup = self.frame(setting)
        if len(self._drawn) > known:
            for control in self.controls.values():
                control.continuous_update = time.perf_counter() - began < SLOW
        return markup

    async def _draw_ahead(self, here: dict) -> None:
        """Draw the settings nearest to this one while the kernel idles, until a control moves."""
        known, at = -1, {knob.name: knob.values.index(here[knob.name]) for knob in self.knobs}
        for step, knob in itertools.product(AHEAD, self.knobs):
            if 0 <= at[knob.name] + step < len(knob.values):
                if len(self._drawn) > known:
                    await asyncio.sleep(PAUSE)
                known = len(self._drawn)
                self._timed(here | {knob.name: knob.values[at[knob.name] + step]})
