"""One run of a drawing function: the figure, and which tensors reach which of its artists."""

import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.text import Text
from torch import Tensor

from helpers.live.shapes import DRAWN, SHAPES, array, number, stacked
from helpers.live.trace import author_line

NUMBER = re.compile("\x01(\\d+)\\|([^\x02]*)\x02")
EXITS = {
    "__bool__": "a page cannot branch on it; use torch.where(condition, a, b)",
    "__array__": "keep it a tensor, from the knob to matplotlib",
    "tolist": "keep it a tensor, from the knob to matplotlib",
}
EXITS["numpy"] = EXITS["__array__"]
COMPUTE = "torch computes with the 0-d tensor as with a number; to pick by it, index with a tensor"
EXITS |= dict.fromkeys(["item", "__float__", "__int__", "__index__"], COMPUTE)

EXITS["matplotlib"] = f"this call of matplotlib cannot follow, these can: {', '.join(SHAPES)}"


@dataclass
class Mark:
    """Artists that follow tensors.

    Attributes:
        kind: "path" (lines, areas, points), "image" or "text".
        names: the artists' names in the SVG, "live-0-1".
        at: numbers of the outputs: x and y, (artists, vertices); z of an image; those of a text.
        own: the tensors that the author handed over as x, y or z, which may be inputs themselves.
        line: of the author's code.
    """

    kind: str
    names: list[str]
    at: dict[str, int]
    line: str
    axes: Axes | None = None
    own: dict[str, Tensor] = field(default_factory=dict)
    closed: bool = False
    words: list[str] = field(default_factory=list)
    artists: list = field(default_factory=list)


class Recording:
    """What a drawing function did with tensors while `watching`."""

    def __init__(self) -> None:
        self.outputs: list[Tensor] = []
        self.marks: list[Mark] = []
        self.left: list[tuple[str, str, Tensor]] = []  # line, method, value of what left torch
        self._original: dict[tuple[type, str], object] = {}
        self._ours = 0

    def output(self, value: Tensor) -> int:
        self.outputs.append(value)
        return len(self.outputs) - 1

    @contextmanager
    def watching(self) -> Iterator["Recording"]:
        """Intercept matplotlib's axes and texts, and what takes values out of torch."""
        changes = {(Axes, name): self._drawing(name, shape) for name, shape in SHAPES.items()}
        changes[Text, "set_text"] = self._set_text
        changes[Tensor, "__format__"] = self._format
        changes |= {(Tensor, name): self._exit(name) for name in EXITS if name != "matplotlib"}
        own = {place: place[0].__dict__.get(place[1]) for place in changes}
        self._original = {place: getattr(*place) for place in changes}
        for (kind, name), change in changes.items():
            setattr(kind, name, _method(change))
        try:
            yield self
        finally:
            for (kind, name), original in own.items():
                setattr(kind, name, original) if original else delattr(kind, name)

    @contextmanager
    def _unwatched(self) -> Iterator[None]:
        self._ours += 1
        try:
            yield
        finally:
            self._ours -= 1

    def _line(self) -> str:
        return author_line(traceback.extract_stack())

    def _exit(self, name: str) -> Callable:
        def leave(tensor: Tensor, *args, **kwargs):
            original = self._original[Tensor, name]
            if not self._ours:
                line, how = self._line(), name
                if any("/matplotlib/" in f.filename for f in traceback.extract_stack()):
                    how = "matplotlib"
                with self._unwatched():
                    self.left.append((line, how, tensor.detach().clone()))
            return original(tensor, *args, **kwargs)

        return leave

    def _format(self, tensor: Tensor, spec: str) -> str:
        if tensor.dim() or self._ours:
            return self._original[Tensor, "__format__"](tensor, spec)
        return f"\x01{self.output(tensor)}|{spec}\x02"

    def _set_text(self, text: Text, words) -> None:
        original = self._original[Text, "set_text"]
        if not isinstance(words, str) or "\x01" not in words:
            return original(text, words)
        parts = NUMBER.split(words)
        numbers = parts[1::3]
        line = self._line()
        if "$" in words or "\n" in words:
            raise ValueError(f"{line}\n  a text that moves has one line, and no $mathematics$")
        name = f"live-{len(self.marks)}"
        at = {str(i): int(number) for i, number in enumerate(numbers)}
        self.marks.append(Mark("text", [name], at, line, words=parts))
        text.set_gid(name)
        with self._unwatched():
            shown = NUMBER.sub(lambda m: format(number(self.outputs[int(m[1])]), m[2]), words)
        return original(text, shown)

    def _drawing(self, name: str, shape: Callable) -> Callable:
        def draw(ax: Axes, *args, **kwargs):
            original = self._original[Axes, name]
            args = [stacked(a) for a in args]
            if self._ours or not any(isinstance(a, Tensor) for a in args):
                with self._unwatched():
                    return original(ax, *args, **kwargs)
            line = self._line()
            with self._unwatched():
                try:
                    found = shape(*args, **kwargs)
                except TypeError as error:
                    raise TypeError(f"{line}\n  a live ax.{name} takes {error}") from None
                plain = [array(a) for a in args]
                made = DRAWN.get(name, original)(ax, *plain, **kwargs)
            self._note(ax, name, line, found, made)
            return made

        return draw

    def _note(self, ax: Axes, name: str, line: str, found: dict, made) -> None:
        artists = list(made) if isinstance(made, list | BarContainer) else [made]
        number = len(self.marks)
        names = [f"live-{number}-{i}" for i in range(len(artists))]
        for gid, artist in zip(names, artists):
            artist.set_gid(gid)
        own, closed = found.pop("own", {}), found.pop("closed", False)
        with self._unwatched():
            at = {axis: self.output(tensor) for axis, tensor in found.items()}
        kind = "image" if name == "imshow" else "path"
        self.marks.append(Mark(kind, names, at, line, ax, own, closed, artists=artists))


def _method(function: Callable) -> Callable:
    """A function as a method."""
    return lambda self, *args, **kwargs: function(self, *args, **kwargs)
