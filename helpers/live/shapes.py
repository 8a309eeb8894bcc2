"""What each call of matplotlib draws, as vertices that a page can move."""

from collections.abc import Callable

import torch
from matplotlib.axes import Axes
from torch import Tensor

LINES = ("plot", "semilogx", "semilogy", "loglog")


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
