"""Figures as compact markup for a page: SVG that takes the page's colours, or a quantised image."""

import base64
import gzip
import io
import json
import re
from collections.abc import Callable
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from PIL import Image

from helpers.style import INK

CSS_PIXELS_PER_INCH = 120
SVG_SUFFICES = 9000
NOT_DRAWN = re.compile(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", re.DOTALL)
TAG = re.compile(r"<[^>]+>", re.DOTALL)
LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}(?!\d|e)")
ID = re.compile(r' id="(?!live-)([^"]+)"')  # `helpers.live` names what moves
NUMBER = re.compile(r"(?:\\mathdefault|\\times|[$^{}\d.,−+-])*")
REFERENCE = re.compile(r'(?:url\(#|href="#)([^)"]+)')


def figure_of(draw: Callable[..., object], **setting) -> Figure:
    """Call a function that draws one matplotlib figure, and return the figure, closed.

    Raises:
        ValueError: it drew no figure, or several.
    """
    before = set(plt.get_fignums())
    try:
        draw(**setting)
        drawn = [plt.figure(n) for n in plt.get_fignums() if n not in before]
    finally:
        for number in set(plt.get_fignums()) - before:
            plt.close(number)
    if len(drawn) != 1:
        raise ValueError(f"{draw.__name__} must draw one figure for a slider; it drew {len(drawn)}")
    figure = drawn[0]
    if layout := figure.get_layout_engine():
        layout.execute(figure)
    figure.set_layout_engine("none")  # laid out once: equal drawings give equal frames
    return figure


def svg(figure: Figure) -> str:
    """An SVG element one line an element, numbers rounded, INK replaced by the page's colour."""
    buffer = io.StringIO()
    canvas = FigureCanvasSVG(figure)  # savefig would draw once more, to lay out what is laid out
    canvas.print_svg(buffer, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = NOT_DRAWN.sub("", text[text.index("<svg") :])
    used = set(REFERENCE.findall(text))
    text = ID.sub(lambda match: match[0] if match[1] in used else "", text)
    text = TAG.sub(_compact_tag, text)
    width, height = figure.get_size_inches() * CSS_PIXELS_PER_INCH
    size = f'width="{width:.0f}" height="{height:.0f}" data-axes="{_axes(figure)}" '
    text = re.sub(r' (?:width|height)="[\d.]+pt"', "", text, count=2)
    text = text.replace("<svg ", f'<svg {size}aria-hidden="true" focusable="false" ', 1)
    return re.sub(r"\n\s*", "\n", text).strip()


def _compact_tag(match: re.Match) -> str:
    tag = re.sub(r"\s+", " ", match[0]).replace(INK, "currentColor")
    return LONG_NUMBER.sub(_shorter, tag)


def _shorter(match: re.Match) -> str:
    value = float(match[0])
    return f"{value:.2f}".rstrip("0").rstrip(".") if abs(value) >= 1 else f"{value:.3g}"


def _axes(figure: Figure) -> str:
    """How to read places in the SVG as numbers: for each axes [[left, right, bottom, top], x, y],
    the first in the SVG's units; x and y are the values at both ends (exponents of ten for a
    logarithmic axis) and 1 for a logarithmic axis, or [] where the ticks are no numbers.
    """
    (width, height), found = figure.get_size_inches() * 72, []
    for ax in figure.axes:
        left, low, right, high = ax.get_position().extents
        place = [left * width, right * width, (1 - low) * height, (1 - high) * height]
        found.append([[round(x, 1) for x in place], _scale(ax.xaxis), _scale(ax.yaxis)])
    return json.dumps(found, separators=(",", ":"))


def _scale(axis: Axis) -> list[float]:
    ticks = [tick.get_text() for tick in axis.get_majorticklabels() if axis.axes.axison]
    kind, ends = axis.get_scale(), np.array(axis.get_view_interval(), float)
    if kind not in ("linear", "log") or not all(map(NUMBER.fullmatch, ticks or ["none"])):
        return []
    ends = np.log10(ends) if kind == "log" else ends
    return [float(f"{end:.5g}") for end in ends] + [int(kind == "log")]


def pixels(figure: Figure, scale: float) -> Image.Image:
    """The figure on white paper, `scale` device pixels to a CSS pixel; the figure is unchanged."""
    dpi, paper = figure.dpi, figure.get_facecolor()
    figure.set(dpi=scale * CSS_PIXELS_PER_INCH, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    figure.set(dpi=dpi, facecolor=paper)
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def png(figure: Figure, scale: float = 2) -> bytes:
    """The figure as a PNG file, for print."""
    buffer = io.BytesIO()
    pixels(figure, scale).save(buffer, "png")
    return buffer.getvalue()


def picture(figure: Figure, kind: str) -> str:
    """The figure as an `<img>`, kind "png" (64 colours) or "webp"."""
    image, buffer = pixels(figure, 1.6), io.BytesIO()
    if kind == "png":
        image.quantize(64).save(buffer, "png", optimize=True)
    else:
        image.save(buffer, "webp", quality=82, method=4)
    width, height = figure.get_size_inches() * CSS_PIXELS_PER_INCH
    data = base64.b64encode(buffer.getvalue()).decode()
    size = f'width="{width:.0f}" height="{height:.0f}"'
    return f'<img {size} alt="" src="data:image/{kind};base64,{data}">'


RENDERERS: dict[str, Callable[[Figure], str]] = {
    "svg": svg,
    "png": partial(picture, kind="png"),
    "webp": partial(picture, kind="webp"),
}


def weight(markup: str) -> int:
    """Bytes that the markup costs over the wire."""
    return len(gzip.compress(markup.encode(), 6))


def best_format(figure: Figure) -> str:
    """The renderer for this figure: SVG up to SVG_SUFFICES bytes, else whichever weighs least."""
    if weight(svg(figure)) <= SVG_SUFFICES:
        return "svg"
    return min(RENDERERS, key=lambda name: weight(RENDERERS[name](figure)))


def pack(markups: list[str]) -> dict:
    """Distinct lines; distinct frames, as numbers of lines; each markup's number of a frame."""
    lines: dict[str, int] = {}
    distinct = {markup: i for i, markup in enumerate(dict.fromkeys(markups))}
    frames = [[lines.setdefault(x, len(lines)) for x in m.split("\n")] for m in distinct]
    return {"lines": list(lines), "frames": frames, "index": [distinct[m] for m in markups]}
