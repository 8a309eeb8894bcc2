"""The artists of a figure as the page moves them: which outputs, by which axes, what drags."""

import base64

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from helpers.live.checks import LiveError
from helpers.live.record import Mark, Recording


def told(name: str, drawn: Recording, inputs: dict[str, Tensor], knobs: set[str]) -> list[dict]:
    """The marks of a figure, as data for the page.

    Raises:
        LiveError: an axis has no explicit limits, and what it shows moves.
    """
    movable = {n: value for n, value in inputs.items() if n not in knobs}
    return [_told(name, mark, drawn.figure, movable) for mark in drawn.marks]


def _told(name: str, mark: Mark, figure: Figure, movable: dict[str, Tensor]) -> dict:
    found = {"kind": mark.kind, "names": mark.names, "at": mark.at}
    if mark.kind == "text":
        return found | {"words": mark.words}
    ax = mark.axes
    for axis, fixed in (("x", ax.get_autoscalex_on()), ("y", ax.get_autoscaley_on())):
        if mark.kind == "path" and fixed:
            raise LiveError(
                f"{name}: {mark.line}\n  what moves needs limits: ax.set({axis}lim=(…, …))"
            )
    found |= {"axes": scales(ax, figure), "box": [*sorted(ax.get_xlim()), *sorted(ax.get_ylim())]}
    found["box"] = [float(x) for x in found["box"]]
    if mark.closed:
        found["closed"] = True
    if mark.kind == "image":
        (artist,) = mark.artists
        rows, columns = artist.get_array().shape
        colours = artist.cmap(np.arange(256))[:, :3]
        found |= {
            "size": [rows, columns],
            "colours": base64.b64encode((colours * 255).round().astype("uint8").tobytes()).decode(),
            "range": [float(x) for x in artist.get_clim()],
            "extent": [float(x) for x in artist.get_extent()],
            "upwards": artist.origin == "lower",
        }
    handles = mark.kind == "image" or any(has_points(artist) for artist in mark.artists)
    if handles and (drag := {axis: d for axis, v in mark.own.items() if (d := part(v, movable))}):
        found["drag"] = drag
    return found


def has_points(artist) -> bool:
    """Whether an artist shows its vertices."""
    get = getattr(artist, "get_marker", None)
    return hasattr(artist, "get_offsets") or (get and get() not in (None, "", " ", "None", "none"))


def part(value: Tensor, movable: dict[str, Tensor]) -> list | None:
    """The input that a tensor shows, and where: [name, offset, *strides]; None for no input."""
    for name, whole in movable.items():
        if value.untyped_storage().data_ptr() == whole.untyped_storage().data_ptr():
            offset = value.storage_offset() - whole.storage_offset()
            return [name, offset, *value.stride()]
    return None


def scales(ax: Axes, figure: Figure) -> list[float]:
    """Places in the SVG are slope * value + start: [x's slope and start, y's, 1 for a log axis]."""
    ax.apply_aspect()  # as drawing does
    logs = [scale == "log" for scale in (ax.get_xscale(), ax.get_yscale())]
    points = [[10.0**v if log else float(v) for log in logs] for v in (0, 1)]
    (x0, y0), (x1, y1) = ax.transData.transform(points) * 72 / figure.dpi
    height = figure.get_size_inches()[1] * 72
    numbers = [x1 - x0, x0, y0 - y1, height - y0]
    return [*(round(float(v), 6) for v in numbers), *map(int, logs)]
