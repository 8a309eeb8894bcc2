"""The bibliography in the style of the citations, each entry with the places that cite it."""

from collections import Counter

from docutils import nodes
from glossary import section_link
from pages import raw
from pybtex.database import Entry
from pybtex.plugin import register_plugin
from pybtex.style.formatting.plain import Style as PlainStyle
from pybtex.style.labels import BaseLabelStyle
from sphinx.application import Sphinx

STYLE = "author_year"


class AuthorYear(BaseLabelStyle):
    """Labels as the citations have them: "Jacot et al., 2018", with a letter where two agree."""

    def format_labels(self, sorted_entries: list[Entry]):
        labels = [author_year(entry) for entry in sorted_entries]
        times, seen = Counter(labels), Counter()
        for label in labels:
            letter = chr(ord("a") + seen[label]) if times[label] > 1 else ""
            seen[label] += 1
            yield label + letter


class AuthorYearStyle(PlainStyle):
    default_label_style = AuthorYear


def author_year(entry: Entry) -> str:
    """The authors as a citation names them, and the year."""
    people = entry.persons.get("author") or entry.persons.get("editor") or []
    names = [
        " ".join([*p.prelast_names, *p.last_names]).replace("{", "").replace("}", "")
        for p in people
    ]
    if len(names) > 2:
        names = [f"{names[0]} et al."]
    return f"{' and '.join(names)}, {entry.fields.get('year', '')}"


def add_ways_back(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Below each entry of the bibliography, links to the pages that cite it."""
    domain = app.env.get_domain("cite")
    keys = {citation.citation_id: citation.key for citation in domain.citations}
    for entry in doctree.findall(nodes.citation):
        key = keys.get(entry["ids"][0])
        first: dict[str, str] = {}
        for reference in domain.citation_refs:
            if key in {target.key for target in reference.targets}:
                first.setdefault(reference.docname, reference.citation_ref_id)
        links = ", ".join(section_link(app, docname, *place) for place in first.items())
        if links:
            entry += raw(f'<p class="small cited-in">Cited in {links}</p>')


register_plugin("pybtex.style.formatting", STYLE, AuthorYearStyle)
