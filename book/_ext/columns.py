"""Columns of numbers stand right, with their decimal points under each other."""

import re

from docutils import nodes
from sphinx.application import Sphinx

NUMBER = re.compile(r"^[−+-]?\d[\d,\u202f]*(?:\.(?P<decimals>\d+))?(?P<rest>(?:e[−+-]?\d+)?\s*%?)$")
NOTHING = {"", "-", "–", "—"}
DIGIT, POINT = "\u2007", "\u2008"  # spaces as wide as a digit and as a point


def align(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    if app.builder.format != "html":
        return
    for table in doctree.findall(nodes.table):
        rows = [list(row.findall(nodes.entry)) for row in table.findall(nodes.row)]
        body = [list(row.findall(nodes.entry)) for row in next(table.findall(nodes.tbody)).children]
        if not body or len({len(row) for row in rows}) != 1:
            continue
        for place in range(len(rows[0])):
            column = [row[place] for row in body]
            if is_numeric([cell.astext() for cell in column]):
                for row in rows:
                    row[place]["classes"].append("number")
                pad(column)


def is_numeric(texts: list[str]) -> bool:
    """Whether a column holds numbers, at least one, and nothing else."""
    shown = [text.strip() for text in texts if text.strip() not in NOTHING]
    return bool(shown) and all(NUMBER.match(text) for text in shown)


def padding(texts: list[str]) -> list[str]:
    """What follows each number, so that all points of a column are at one place."""
    found = [NUMBER.match(text.strip()) for text in texts]
    if any(match and match["rest"] for match in found):
        return [""] * len(texts)
    lengths = [len(match["decimals"] or "") if match else 0 for match in found]
    widest = max(lengths, default=0)
    return [
        (POINT if widest and not length else "") + DIGIT * (widest - length) if match else ""
        for match, length in zip(found, lengths)
    ]


def pad(column: list[nodes.entry]) -> None:
    for cell, spaces in zip(column, padding([cell.astext() for cell in column])):
        texts = list(cell.findall(nodes.Text))
        if spaces and texts:
            texts[-1].parent.replace(texts[-1], nodes.Text(texts[-1] + spaces))


def setup(app: Sphinx) -> dict:
    app.connect("doctree-resolved", align)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
