"""Formulas are set while the book is built, by KaTeX: pages need no script for them."""

import functools
import re
from pathlib import Path

from docutils import nodes
from py_mini_racer import JSEvalException, MiniRacer
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number, wrap_displaymath

KATEX = Path(__file__).resolve().parent.parent / "katex"
SOURCE = re.compile(r"<annotation.*?</annotation>", re.DOTALL)
UNNUMBERED = re.compile(r"\\(begin|end)\{(align|alignat|equation|gather)\}")
LOG = logging.getLogger(__name__)


@functools.cache
def engine() -> MiniRacer:
    """The JavaScript engine in which KaTeX is loaded; `close` ends its thread."""
    running = MiniRacer()
    running.eval((KATEX / "katex.min.js").read_text(encoding="utf-8"))
    return running


def close(app: Sphinx, error: Exception | None) -> None:
    if engine.cache_info().currsize:
        engine().close()
        engine.cache_clear()


@functools.cache
def typeset(tex: str, display: bool = False) -> str:
    """HTML for the eye and MathML for a screen reader.

    Raises:
        JSEvalException: KaTeX does not know a command, or braces do not match.
    """
    options = {"displayMode": display, "strict": "error", "output": "htmlAndMathml"}
    return SOURCE.sub("", engine().call("katex.renderToString", tex, options))


def _set(node: nodes.Element, tex: str, display: bool) -> str:
    try:
        return typeset(tex, display)
    except JSEvalException as error:
        why = str(error).split("ParseError: ")[-1].splitlines()[0]
        LOG.warning("this formula cannot be set: %s: %s", why, tex, location=node)
        return ""


def visit_inline(writer, node: nodes.math) -> None:
    writer.body.append(f'<span class="math">{_set(node, node.astext(), False)}</span>')
    raise nodes.SkipNode


def visit_display(writer, node: nodes.math_block) -> None:
    """The formula scrolls in a box of its own, and its number stands beside the box."""
    tex = node.astext()
    tex = (
        UNNUMBERED.sub(r"\\\1{\2*}", tex) if node["nowrap"] else wrap_displaymath(tex, None, False)
    )
    writer.body.append(writer.starttag(node, "div", CLASS="math"))
    writer.body.append(f'<div class="formula">{_set(node, tex, True)}</div>')
    if node["number"]:
        writer.body.append(f'<span class="eqno">({get_node_equation_number(writer, node)})')
        writer.add_permalink_ref(node, "Link to this equation")
        writer.body.append("</span>")
    writer.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict:
    app.add_html_math_renderer("katex", (visit_inline, None), (visit_display, None))
    app.connect("build-finished", close)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
