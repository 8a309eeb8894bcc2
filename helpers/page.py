"""The HTML of a figure on a page: default frame, native controls, all frames as data.

`book/_static/explore.js` brings it to life; without JavaScript the default frame stands alone.
"""

import html
import json

from helpers.frames import pack
from helpers.knobs import Knob


def plain(name: str, caption: str, alt: str, frame: str, controls: str = "") -> str:
    """A figure with its caption and alternative text."""
    return (
        f'<figure class="explore" id="{name}">'
        f'<div class="explore-frame" role="img" aria-label="{html.escape(alt)}">{frame}</div>'
        f"{controls}<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


def interactive(name: str, caption: str, frame: str, knobs: list[Knob], markups: list[str]) -> str:
    """A figure with controls; `markups` holds every setting's frame, the last knob fastest."""
    distinct = list(dict.fromkeys(markups))
    lines, frames = pack(distinct)
    number = {markup: i for i, markup in enumerate(distinct)}
    payload = {
        "knobs": [{"name": knob.name, "labels": knob.labels} for knob in knobs],
        "lines": lines,
        "frames": frames,
        "index": [number[markup] for markup in markups],
    }
    data = json.dumps(payload, separators=(",", ":")).replace("</", "<\\/")
    controls = "".join(_control(name, knob) for knob in knobs)
    if any(knob.kind == "range" for knob in knobs):
        controls += '<button type="button" class="explore-play" aria-pressed="false">Play</button>'
    shown = ", ".join(f"{knob.name} {knob.labels[knob.start]}" for knob in knobs)
    controls = (
        f'<div class="explore-controls" hidden>{controls}'
        f'<a class="explore-link" href="#{name}">Link to this setting</a></div>'
        f'<script type="application/json" class="explore-data">{data}</script>'
    )
    return plain(name, caption, f"{caption} Shown: {shown}.", frame, controls)


def _control(name: str, knob: Knob) -> str:
    place = f"{name}-{knob.name}"
    common = f'id="{place}" data-knob="{knob.name}" autocomplete="off"'
    if knob.kind == "checkbox":
        field = f'<input type="checkbox" {common}{" checked" * knob.default}>'
    elif knob.kind == "select":
        options = "".join(
            f"<option{' selected' * (i == knob.start)}>{html.escape(label)}</option>"
            for i, label in enumerate(knob.labels)
        )
        field = f"<select {common}>{options}</select>"
    else:
        start = knob.labels[knob.start]
        field = (
            f'<input type="range" {common} min="0" max="{len(knob.values) - 1}" step="1" '
            f'value="{knob.start}" aria-valuetext="{start}"><output for="{place}">{start}</output>'
        )
    return f'<span class="explore-knob"><label for="{place}">{knob.name}</label>{field}</span>'
