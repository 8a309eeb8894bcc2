"""The role ``set``: words that set a figure, ``{set}`more <figure?knob=value&other=value>` ``."""

import html
import re
from urllib.parse import urlencode

import executed
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxRole

FORM = re.compile(r"(?P<words>.+?)\s*<(?P<figure>\w+)\?(?P<setting>[^>]+)>", re.DOTALL)


class Set(SphinxRole):
    """A link to a figure, which `explore.js` makes a button that moves the figure's controls."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        found = FORM.fullmatch(self.text)
        if not found:
            return self.fault("it is written {set}`words <figure?knob=value>`")
        pairs = dict(part.partition("=")[::2] for part in found["setting"].split("&"))
        if what := wrong(self.figures(), found["figure"], pairs):
            return self.fault(what)
        markup = (
            f'<a class="explore-set" href="#{found["figure"]}" '
            f'data-set="{html.escape(urlencode(pairs))}">{html.escape(found["words"])}</a>'
        )
        words = nodes.inline("", found["words"])
        return [nodes.raw("", markup, format="html"), addnodes.only("", words, expr="not html")], []

    def figures(self) -> dict[str, dict] | None:
        """The knobs of this page's figures, of all figures where the page records none itself;
        None where they are not known, since a page is not executed as it is now.
        """
        runs = executed.of(self.env)
        own = runs.get(self.env.docname)
        asked = [own] if own else list(runs.values())
        figures = [figure for run in asked for figure in run.figures]
        if not all(run.fingerprint for run in asked) or any("knobs" not in f for f in figures):
            return None
        return {figure["name"]: figure["knobs"] for figure in figures}

    def fault(self, what: str) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        message = self.inliner.reporter.error(f"set: {what}", line=self.lineno)
        return [self.inliner.problematic(self.rawtext, self.rawtext, message)], [message]


def wrong(figures: dict[str, dict] | None, figure: str, setting: dict[str, str]) -> str:
    """What is wrong with a setting of a figure, '' where all is well."""
    if figures is None:
        return ""
    if figure not in figures:
        return f"there is no figure {figure!r}; there are {', '.join(figures)}"
    for knob, value in setting.items():
        values = figures[figure].get(knob)
        if values is None:
            return f"{figure} has no knob {knob!r}; it has {', '.join(figures[figure])}"
        if value not in values:
            return f"{knob} of {figure} is never {value!r}; it is one of {', '.join(values)}"
    return ""


def setup(app: Sphinx) -> None:
    app.add_role("set", Set())
