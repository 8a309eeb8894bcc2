"""One run of a drawing function: the figure, and which tensors reach which of its artists."""

import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.text import Text
from torch import Tensor

from helpers.live.trace import author_line

NUMBER = re.compile("\x01(\\d+)\\|([^\x02]*)\x02")
LINES = ("plot", "semilogx", "semilogy", "loglog")
EXITS = {
    "__bool__": "a page cannot branch on it; use torch.where(condition, a, b)",
    "__array__": "keep it a tensor, from the knob to matplotlib",
    "tolist": "keep it a tensor, from the knob to matplotlib",
}
EXITS["numpy"] = EXITS["__array__"]
COMPUTE = "torch computes with the 0-d tensor as with a number; to pick by it, index with a tensor"
EXITS |= dict.fromkeys(["item", "__float__", "__int__", "__index__"], COMPUTE)


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


def number(tensor: Tensor) -> float | int:
    value = array(tensor)[()]
    return value.item()


def array(value):
    return value.detach().numpy() if isinstance(value, Tensor) else value


def stacked(value):
    """A list with tensors in it as one tensor."""
    if isinstance(value, list | tuple) and any(isinstance(v, Tensor) for v in value):
        first = next(v for v in value if isinstance(v, Tensor))
        return torch.stack([torch.as_tensor(v, dtype=first.dtype) for v in value])
    return value


# What each call of matplotlib draws, as vertices: x and y, (artists, vertices).


def tensors(*values) -> list[Tensor]:
    """Numbers and arrays as tensors of one type, at least of one dimension, broadcast."""
    kind = next(v.dtype for v in values if isinstance(v, Tensor))
    made = [torch.atleast_1d(torch.as_tensor(v, dtype=kind)) for v in values]
    return list(torch.broadcast_tensors(*made))


def lines(*args, **kwargs) -> dict:
    *data, _ = args if isinstance(args[-1], str) else (*args, "")
    if not 1 <= len(data) <= 2 or any(isinstance(a, str) for a in data):
        raise TypeError("one line: y, or x and y, and a format")
    x, y = data if len(data) == 2 else (range(len(data[0])), data[0])
    kind = next(v.dtype for v in data if isinstance(v, Tensor))
    own = {axis: v for axis, v in zip("xy", (x, y)) if isinstance(v, Tensor)}
    x, y = (torch.atleast_1d(torch.as_tensor(v, dtype=kind)) for v in (x, y))
    if x.dim() < y.dim():
        x = x[:, None].expand(y.shape)
    return {"x": x.reshape(len(x), -1).mT, "y": y.reshape(len(y), -1).mT, "own": own}


def points(x, y, *_, **kwargs) -> dict:
    return lines(x, y)


def polygon(x, y, *_, **kwargs) -> dict:
    x, y = tensors(x, y)
    return {"x": x[None], "y": y[None], "closed": True}


def between(x, y1, y2=0.0, **kwargs) -> dict:
    x, y1, y2 = tensors(x, y1, y2)
    return polygon(torch.cat([x, x.flip(0)]), torch.cat([y1, y2.flip(0)]))


def upright(x, low, high, **kwargs) -> dict:
    x, low, high = tensors(x, low, high)
    gap = torch.full_like(x, torch.nan)
    x, y = (torch.stack(three, 1).flatten() for three in ((x, x, gap), (low, high, gap)))
    return {"x": x[None], "y": y[None]}


def across(y, low, high, **kwargs) -> dict:
    turned = upright(y, low, high)
    return {"x": turned["y"], "y": turned["x"]}


def bars(x, height, width=0.8, bottom=0.0, **kwargs) -> dict:
    x, height, width, low = tensors(x, height, width, bottom)
    left, right = x - width / 2, x + width / 2
    y = torch.stack([low, low, low + height, low + height], 1)
    return {"x": torch.stack([left, right, right, left], 1), "y": y, "closed": True}


def level_bars(y, width, height=0.8, left=0.0, **kwargs) -> dict:
    found = bars(y, width, height, left)
    return {"x": found["y"], "y": found["x"], "closed": True}


def steps(values, edges, fill=False, **kwargs) -> dict:
    values = torch.as_tensor(values)
    edges = torch.as_tensor(edges, dtype=values.dtype)
    nought = values.new_zeros(1)
    x = torch.stack([edges, edges], 1).flatten()
    y = torch.cat([nought, torch.stack([values, values], 1).flatten(), nought])
    return {"x": x[None], "y": y[None], "closed": bool(fill)}


def image(z, *_, **kwargs) -> dict:
    if z.dim() != 2:
        raise TypeError("an image of one colour channel, (rows, columns)")
    if not {"vmin", "vmax"} <= kwargs.keys():
        raise TypeError("vmin= and vmax=: its colours must not move")
    return {"z": z, "own": {"z": z}}


SHAPES = dict.fromkeys(LINES, lines) | {
    "scatter": points,
    "fill": polygon,
    "fill_between": between,
    "vlines": upright,
    "hlines": across,
    "bar": bars,
    "barh": level_bars,
    "stairs": steps,
    "imshow": image,
}


def drawn_path(shape: Callable, plain: str) -> Callable:
    """Draw as one path what matplotlib draws as a collection."""

    def draw(ax: Axes, *args, **kwargs):
        found = shape(*map(_tensor, args))
        style = {n.removesuffix("s") if n != "ls" else n: v for n, v in kwargs.items()}
        if plain == "fill":
            style.setdefault("lw", 0)
        made = getattr(ax, plain)(*(found[axis][0].numpy() for axis in "xy"), **style)
        return made

    return draw


def _tensor(value):
    return torch.as_tensor(value, dtype=torch.float64)


DRAWN = {
    "fill_between": drawn_path(between, "fill"),
    "vlines": drawn_path(upright, "plot"),
    "hlines": drawn_path(across, "plot"),
}
EXITS["matplotlib"] = f"this call of matplotlib cannot follow, these can: {', '.join(SHAPES)}"
