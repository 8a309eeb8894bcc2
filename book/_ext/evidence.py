"""What stands behind a claim: its values under many seeds, drawn as a strip, and its paper."""

import html
import json
import math
import re
import zlib

import executed
from docutils import nodes
from sphinx.application import Sphinx

from book import seeds
from helpers.claims import bar_text

WIDTH, HEIGHT, EDGE = 180, 22, 8
BOX = re.compile(r'<div class="claim [^>]* id="(claim-[^"]+)">')
MUTANTS = executed.ROOT / "book" / "mutants.json"


def of(app: Sphinx) -> dict[str, dict]:
    """The claims measured under many seeds, by anchor."""
    if not hasattr(app, "runnable_seeds"):
        pages = seeds.read().values()
        app.runnable_seeds = {claim["anchor"]: claim for page in pages for claim in page["claims"]}
    return app.runnable_seeds


def versions() -> dict[str, int]:
    """For each page measured, a number that changes with its measurements."""
    return {name: zlib.crc32(json.dumps(page).encode()) for name, page in seeds.read().items()}


def fill_claims(app: Sphinx, doctree: nodes.document) -> None:
    """Add the strip of seeds to each claim's box, and a link from it to the paper's row."""
    for node in doctree.findall(nodes.raw):
        if not (found := BOX.search(text := node.astext())):
            continue
        if entry := of(app).get(found[1]):
            row = f"<dt>{len(entry['measured'])} seeds</dt><dd>{strip(entry)}</dd>"
            text = text.replace("<dt>Asked by</dt>", f"{row}<dt>Asked by</dt>")
        key = re.match(r"claim-(.+)-[0-9a-f]{8}$", found[1])[1]
        depth = app.env.docname.count("/")
        link = f'(<a href="{"../" * depth}book/atlas.html#paper-{key}">in the atlas</a>)'
        node.children = [nodes.Text(text.replace("</dd></dl></div>", f" {link}</dd></dl></div>"))]
        node.rawsource = node.astext()


def strip(entry: dict) -> str:
    """A small picture: a line for a bar, a dot for each seed, a cross for each control's value."""
    measured = list(entry["measured"].values())
    controls = [value for values in entry["controls"].values() for value in values.values()]
    bars = [bar for bar in (entry["low"], entry["high"]) if bar is not None]
    x = _scale(measured + controls + bars)
    middle = HEIGHT / 2
    marks = [f'<path class="strip-axis" d="M0 {middle}H{WIDTH}"/>']
    marks += [f'<path class="strip-bar" d="M{x(bar):.1f} 1V{HEIGHT - 1}"/>' for bar in bars]
    marks += [
        f'<path class="strip-control" d="M{x(v) - 3:.1f} {middle - 3}l6 6m0 -6l-6 6"/>'
        for v in controls
    ]
    marks += [f'<circle class="strip-seed" cx="{x(v):.1f}" cy="{middle}" r="3"/>' for v in measured]
    words = _range(measured) + (f"; control {_range(controls)}" if controls else "")
    label = html.escape(f"{words}; bar {bar_text(entry)}")
    return (
        f'<svg class="strip" role="img" aria-label="{label}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">'
        f"<title>{label}</title>{''.join(marks)}</svg> <small>{words}</small>"
    )


def _range(values: list[float]) -> str:
    low, high = f"{min(values):.3g}", f"{max(values):.3g}"
    return low if low == high else f"{low} to {high}"


def _scale(values: list[float]):
    """Values to places: logarithmic where all are positive and span more than a factor of 20."""
    low, high = min(values), max(values)
    log = low > 0 and high > 20 * low
    turn = math.log if log else float
    a, b = turn(low), turn(high)
    span = (b - a) or 1.0
    return lambda value: EDGE + (turn(value) - a) / span * (WIDTH - 2 * EDGE)
