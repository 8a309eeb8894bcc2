"""The form above a long list, and the marks on its items that `filter.js` reads."""

import html
from dataclasses import dataclass, field


@dataclass
class Filter:
    """A form with a field for words and a menu for each of the `choices`.

    `name` is its id, `noun` what the items are called; choices are (field, label, {value: words}).
    """

    name: str
    noun: str
    choices: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    folds: bool = False

    def markup(self) -> str:
        menus = "".join(
            f'<label>{label} <select name="{name}" autocomplete="off"><option value="">all</option>'
            + "".join(f'<option value="{v}">{html.escape(w)}</option>' for v, w in values.items())
            + "</select></label>"
            for name, label, values in self.choices
        )
        folds = '<button type="button" class="filter-folds">Open all</button>' * self.folds
        return (
            f'<form class="filter" id="{self.name}" data-noun="{self.noun}" hidden>'
            f'<label>Words <input name="words" type="search" autocomplete="off"></label>{menus}'
            f'<button type="reset">Clear</button>{folds}<output aria-live="polite"></output></form>'
            f'<p class="filter-none" hidden>No {self.noun} fit. Try fewer words, or another name; '
            "<b>Clear</b> shows all.</p>"
        )


def item(classes: str = "", words: str = "", **values: str) -> str:
    """The attributes of an item: its values of the form's menus, and words to find it by."""
    data = {**values, "words": words} if words else values
    marks = "".join(f' data-{name}="{html.escape(value)}"' for name, value in data.items())
    return f'class="{f"filter-item {classes}".strip()}"{marks}'
