"""A page's shape: the first figure under the lead, plumbing folded, chapters and pages numbered."""

import collections
import copy

import executed
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from book import form


def raw(markup: str) -> nodes.raw:
    return nodes.raw("", markup, format="html")


def code_cells(doctree: nodes.Element) -> list[nodes.container]:
    """The code cells of a page, in order."""
    return [c for c in doctree.findall(nodes.container) if c.get("nb_element") == "cell_code"]


def part(cell: nodes.container, which: str) -> nodes.container | None:
    """A cell's code ("source") or what it showed ("output")."""
    wanted = f"cell_code_{which}"
    return next((c for c in cell.children if c.get("nb_element") == wanted), None)


def fold(name: str, content: list[nodes.Node]) -> list[nodes.Node]:
    """Nodes behind a fold of this name."""
    head = f'<details class="fold"><summary>{name}</summary>'
    return [raw(head), *content, raw("</details>")]


def shape(app: Sphinx, doctree: nodes.document) -> None:
    """Fold a chapter's plumbing, and put its first figure with its code under the lead. Print,
    which cannot unfold, leaves the plumbing out.
    """
    if app.env.docname not in executed.of(app.env):
        return
    cells, on_screen = code_cells(doctree), app.builder.format == "html"
    for cell in cells:
        cell.attributes.pop("hide_mode", None)  # the cells' tags are for JupyterLab
    moved = raise_first_figure(doctree, cells, on_screen)
    for cell in cells:
        source = part(cell, "source")
        if source is None or cell in moved:
            continue
        graded = cell.get("cell_metadata", {}).get("nbgrader", {}).get("grade", False)
        if name := form.fold_name(source.astext(), graded):
            at = cell.index(source)
            cell[at : at + 1] = fold(name, [source]) if on_screen else []
        if graded and (output := part(cell, "output")):
            cell.remove(output)  # the check of the worked solution, not of the stub shown


def raise_first_figure(
    doctree: nodes.document, cells: list[nodes.container], on_screen: bool
) -> list[nodes.container]:
    """Move the first figure under the lead, and the code up to it, which shows nothing, below it.

    Returns the cells moved.
    """
    at = next((i for i, cell in enumerate(cells) if shows_figure(cell)), None)
    top = next(iter(doctree.findall(nodes.section)), None)
    lead = next((c for c in top.children if isinstance(c, nodes.paragraph)), None) if top else None
    if at is None or lead is None:
        return []
    figure = cells[at]
    silent = [cell for cell in cells[:at] if part(cell, "output") is None]
    sources = [part(cell, "source") for cell in (*silent, figure)]
    for cell in (*silent, figure):
        cell.parent.remove(cell)
    for source in sources:
        source.parent.remove(source)
    if on_screen:
        figure.extend(fold("Code for this figure", sources))
    top.insert(top.index(lead) + 1, figure)
    return [*silent, figure]


def shows_figure(cell: nodes.container) -> bool:
    """Whether a cell shows a figure with controls."""
    return any('<figure class="explore' in node.astext() for node in cell.findall(nodes.raw))


def restore_numbers(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Give Sphinx back the numbers that it assigned last, so that it sees what changed."""
    env.toc_secnumbers = getattr(env, "runnable_secnumbers", env.toc_secnumbers)
    return []


def number_pages_alone(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Take the numbers of sections away: chapters are 1, 2, ..., their further pages 1.1, 1.2."""
    env.runnable_secnumbers = copy.deepcopy(env.toc_secnumbers)
    pages = collections.Counter()
    for docname, numbers in env.toc_secnumbers.items():
        chapter, *below = numbers[""]
        pages[chapter] += bool(below)
        own = (chapter, pages[chapter]) if below else (chapter,)
        numbers |= dict.fromkeys(numbers, ()) | {"": own}
        env.titles[docname]["secnumber"] = own
        for entry in env.tocs[docname].findall(nodes.reference):
            entry["secnumber"] = numbers.get(entry["anchorname"]) or None
    return []
