"""A live figure: a drawing function, checked, traced, and written for the page."""

import html
import inspect
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property

import matplotlib
import torch
from torch import Tensor

from helpers import explorer, frames, knobs
from helpers.live import marks, rules  # noqa: F401  the rules register themselves
from helpers.live.checks import LiveError, explained, same_exits, same_outputs
from helpers.live.lower import lower
from helpers.live.program import packed
from helpers.live.record import Recording
from helpers.live.trace import Graph, trace

STOPS = (200, 100, 50, 20)


class LiveFigure(explorer.Explorer):
    """A drawing function with its knobs and its inputs, the tensors that a reader moves."""

    def __init__(self, draw: Callable, given: dict) -> None:
        self.draw, self.name = draw, draw.__name__
        self.caption = " ".join((inspect.getdoc(draw) or "").split())
        if not self.caption:
            raise ValueError(f"live: {self.name} needs a docstring; it becomes the caption")
        parameters = inspect.signature(draw).parameters
        filled = {
            name: continuous(self.name, name, spec, parameters[name].default)
            for name, spec in given.items()
            if name in parameters
        }
        self.knobs = knobs.read(draw, given | filled)
        self.start = {knob.name: knob.default for knob in self.knobs}
        self.errors: list[str] = []
        self._drawn: dict[str, str] = {}
        self.kind, self.first = "svg", None
        defaults = {name: parameter.default for name, parameter in parameters.items()}
        self.inputs: dict[str, Tensor] = {
            name: torch.tensor(float(self.start[name]), dtype=torch.float64)
            if name in self.start
            else default.detach().clone().contiguous()
            for name, default in defaults.items()
            if name in self.start or isinstance(default, Tensor)
        }

    def run(self, inputs: dict[str, Tensor] | None = None) -> Recording:
        """One run of the function, at some inputs or where they start."""
        recorded = Recording()

        def drawn() -> None:
            with recorded.watching():
                carried = self.draw(**(inputs or self.inputs)) or {}
                recorded.carry = {name: recorded.output(t) for name, t in carried.items()}

        drawn.__name__ = self.name
        recorded.figure = frames.figure_of(drawn)
        return recorded

    def outputs(self, **inputs: Tensor) -> list[Tensor]:
        """All tensors that reach the figure, then the next state."""
        return self.run(inputs).outputs

    def settings(self, count: int) -> Iterator[dict[str, Tensor]]:
        """Random positions of the knobs, and small moves of all other inputs."""
        rng = torch.Generator().manual_seed(1)
        ranges = {knob.name: knob.values for knob in self.knobs}
        for _ in range(count):
            moved = {}
            for name, value in self.inputs.items():
                if name in ranges:
                    low, high = min(ranges[name]), max(ranges[name])
                    share = torch.rand((), generator=rng, dtype=torch.float64)
                    moved[name] = low + (high - low) * share
                else:
                    noise = torch.randn(value.shape, generator=rng, dtype=torch.float64)
                    moved[name] = (value + 0.05 * size(value) * noise).to(value.dtype)
            yield moved

    @cached_property
    def graph(self) -> Graph:
        """The function, traced, after the checks that tracing does not make.

        Raises:
            LiveError: see `helpers.live.live`.
        """
        start, again = self.run(), self.run()
        tried = [(inputs, self.run(inputs)) for inputs in self.settings(3)]
        same_outputs(self.name, start.outputs, again.outputs, start)
        for _, other in tried:
            same_exits(self.name, start, other)
        with explained(self.name, self.outputs, self.inputs):
            graph = trace(self.outputs, self.inputs)
        for inputs, wanted in tried:
            same_outputs(self.name, graph(inputs), wanted.outputs, start, traced=True)
        if idle := graph.idle:
            raise LiveError(f"{self.name}: nothing that is drawn depends on {' or '.join(idle)}")
        return graph

    @cached_property
    def program(self) -> dict:
        """The function as loops for the page (`helpers.live.program`)."""
        graph = self.graph
        with explained(self.name, self.outputs, self.inputs):
            return lower(graph)

    def data(self) -> dict:
        """What the page needs beside the default frame."""
        graph, drawn = self.graph, self.run()
        self.first = drawn.figure
        return {
            "program": self.program,
            "marks": marks.told(self.name, drawn, self.inputs, set(self.start)),
            "start": {name: packed(v.flatten()) for name, v in zip(graph.names, graph.values)},
            "carry": drawn.carry,
        }

    def answers(self) -> dict:
        """What torch gives at random settings and at the knobs' ends, for the tests of the page;
        the figure as drawn at the first of them, and with everything 5 % off.
        """
        knobs = {knob.name: knob.values for knob in self.knobs}
        settings = list(self.settings(8))
        for end in (min, max):
            ends = {name: torch.tensor(float(end(v))).double() for name, v in knobs.items()}
            settings.append(self.inputs | ends)
        off = {name: value + 0.05 * size(value) for name, value in settings[0].items()}
        with matplotlib.rc_context({"path.simplify": False}):
            drawn = [named(frames.svg(self.run(inputs).figure)) for inputs in (settings[0], off)]
        return {
            "inputs": [{n: packed(v.flatten()) for n, v in inputs.items()} for inputs in settings],
            "outputs": [[packed(v.flatten()) for v in self.outputs(**i)] for i in settings],
            "double": [v.dtype == torch.float64 for v in self.outputs(**self.inputs)],
            "drawn": drawn,
        }

    def record(self) -> str:
        """The default frame as HTML, and data for the book's build; says more in `summary`."""
        data, told = self.data(), [knob.record() for knob in self.knobs]
        frame = named(frames.svg(self.first))
        text = json.dumps({"name": self.name, "knobs": told, **data}, separators=(",", ":"))
        words = html.escape(self.caption)
        markup = (
            f'<figure class="explore live" id="{self.name}">'
            f'<div class="explore-frame" role="img" aria-label="{words}">{frame}</div>'
            f'<script type="application/json" class="explore-data">{text}</script>'
            f"<figcaption>{words}</figcaption></figure>"
        )
        self.summary = {
            "name": self.name,
            "knobs": {knob.name: knob.addresses for knob in self.knobs},
            "settings": 1,
            "live": True,
            "format": "svg",
            "frames": 1,
            "bytes": frames.weight(markup),
            "errors": [],
            "answers": self.answers(),
        }
        return markup

    def frame(self, setting: dict) -> str:
        """Markup of the figure at a setting of its knobs, for widgets on a live kernel."""
        where = str(setting)
        if where not in self._drawn:
            knobs = {n: torch.tensor(float(v), dtype=torch.float64) for n, v in setting.items()}
            self.first = self.run(self.inputs | knobs).figure
            self._drawn[where] = frames.svg(self.first)
        return self._drawn[where]


def size(value: Tensor) -> Tensor:
    """The largest entry, 1 at least: the scale on which an input moves."""
    return value.abs().max().clamp(min=1)


def named(svg: str) -> str:
    """Names of artists are no ids: a page may have a figure twice."""
    return svg.replace(' id="live-', ' data-mark="live-')


def continuous(where: str, name: str, spec, default) -> knobs.knob:
    """A knob with as many stops as its labels tell apart, where no step is given.

    Raises:
        TypeError: its values are no numbers.
    """
    given = spec if isinstance(spec, knobs.knob) else knobs.knob(spec, name)
    values = given.values
    if isinstance(values, bool) or not all(isinstance(v, int | float) for v in values):
        raise TypeError(
            f"live: knob {name!r} of {where} is no number; draw its cases beside each other, "
            "or make the figure with @explore"
        )
    if not isinstance(values, tuple) or len(values) != 2:
        return given
    low, high = map(float, values)
    for stops in STOPS:
        places = knobs._steps(low, high, (high - low) / stops)
        if isinstance(default, int | float) and low <= default <= high:
            places[round((default - low) / (high - low) * stops)] = default
        labels = [knobs.printed(v, f"{v:.6g}", given.fmt) for v in places]
        if len(set(labels)) == len(labels):
            break
    return replace(given, values=places)
