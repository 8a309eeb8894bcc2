"""The controls of a recorded figure as HTML, which `explore.js` brings to life."""

import html

TICKS = 33  # more stops than these stand too close together for a mark each


def controls(figure: str, knobs: list[dict], buttons: str = "") -> str:
    """The controls of a figure, disabled until its frames are there.

    Args:
        figure: the name of the figure, which begins the ids of its controls.
        knobs: what `helpers.knobs.Knob.record` says of each.
        buttons: those that a live figure has besides, `live_buttons`.
    """
    fields = "".join(_field(figure, knob) for knob in knobs) + buttons
    return (
        '<fieldset class="explore-controls" aria-label="Controls of the figure" aria-busy="true" '
        f'disabled>{fields}<span class="explore-tools">'
        f'<a class="explore-link" href="#{figure}">Link to this setting</a>'
        '<button type="button" class="explore-full">Full screen</button></span>'
        '<output class="explore-said" aria-live="polite"></output></fieldset>'
    )


def live_buttons(carries: bool) -> str:
    """Reset, and Train for a figure that carries a state from frame to frame."""
    train = '<button type="button" class="live-train" aria-pressed="false">Train</button>'
    return train * carries + '<button type="button" class="live-reset">Reset</button>'


def title(knob: dict) -> str:
    """A knob's label and symbol in words."""
    return f"{knob['label']} {knob['symbol']}".strip()


def _field(figure: str, knob: dict) -> str:
    place = f"{figure}-{knob['name']}"
    label = html.escape(knob["label"])
    if knob["symbol"]:
        base, _, index = html.escape(knob["symbol"]).partition("_")
        below = f"<sub>{index}</sub>" if index else ""
        label += f' <i class="explore-symbol">{base}{below}</i>'
    made = FIELDS[knob["kind"]](place, knob) + _play(knob)
    if knob["kind"] == "segments":
        return (
            f'<fieldset class="explore-knob" data-knob="{knob["name"]}">'
            f"<legend>{label}</legend>{made}</fieldset>"
        )
    return f'<span class="explore-knob"><label for="{place}">{label}</label>{made}</span>'


def _common(place: str, knob: dict) -> str:
    return f'id="{place}" data-knob="{knob["name"]}" autocomplete="off"'


def _checkbox(place: str, knob: dict) -> str:
    return f'<input type="checkbox" {_common(place, knob)}{" checked" * knob["start"]}>'


def _menu(place: str, knob: dict) -> str:
    options = "".join(
        f"<option{' selected' * (i == knob['start'])}>{html.escape(label)}</option>"
        for i, label in enumerate(knob["labels"])
    )
    return f"<select {_common(place, knob)}>{options}</select>"


def _segments(place: str, knob: dict) -> str:
    options = "".join(
        f'<label><input type="radio" name="{place}" value="{i}" autocomplete="off"'
        f"{' checked' * (i == knob['start'])}><span>{html.escape(label)}</span></label>"
        for i, label in enumerate(knob["labels"])
    )
    return f'<span class="explore-segments">{options}</span>'


def _range(place: str, knob: dict) -> str:
    labels, start = knob["labels"], html.escape(knob["labels"][knob["start"]])
    ticks = ' class="explore-ticks"' * (len(labels) <= TICKS)
    return (
        f'<input type="range" {_common(place, knob)} min="0" max="{len(labels) - 1}" step="1" '
        f'value="{knob["start"]}" aria-valuetext="{start}"{ticks} '
        f'style="--gaps:{len(labels) - 1}"><output for="{place}" '
        f'style="min-width:{max(map(len, labels))}ch">{start}</output>'
    )


def _play(knob: dict) -> str:
    """Play, and single steps, for the knob that plays, where there is something to play."""
    if not knob["plays"] or len(knob["labels"]) <= 3:
        return ""
    name = html.escape(title(knob))
    back, on = (
        f'<button type="button" class="explore-step" data-step="{step}" '
        f'aria-label="{name}, one step {where}">{sign}</button>'
        for step, where, sign in ((-1, "back", "‹"), (1, "on", "›"))
    )
    play = f'<button type="button" class="explore-play" data-plays="{knob["name"]}">Play</button>'
    return f'<span class="explore-time" role="group" aria-label="{name}">{back}{play}{on}</span>'


FIELDS = {"checkbox": _checkbox, "menu": _menu, "segments": _segments, "range": _range}
