"""How the chapters' pages open: title, first paragraph, and which pages they ask for."""

import functools
import posixpath
import re
from dataclasses import dataclass, field

import executed
import yaml

from book.execute import notebooks

TITLE = re.compile(r"^# (.+)$", re.MULTILINE)
BOX = re.compile(r"^```\{admonition\} Before you read\n(.*?)^```", re.DOTALL | re.MULTILINE)
PAGE_LINK = re.compile(r"\[([^]]*)\]\(([^)\s]+)\.md\)")
SENTENCE = re.compile(r"(?<=[.?!])\s+(?=[A-Z\[])")
HELPS = re.compile(r"\bnot needed\b|\bhelps?\b")


@dataclass
class Opening:
    """A page's first lines; `needs` and `helps` are docnames."""

    docname: str
    title: str
    lead: str
    needs: list[str] = field(default_factory=list)
    helps: list[str] = field(default_factory=list)

    @property
    def parent(self) -> str | None:
        """The core page of a further page."""
        folder, _, name = self.docname.rpartition("/")
        return folder if folder != "chapters" else None

    @property
    def short(self) -> str:
        """The title up to its first colon or semicolon."""
        return re.split(r"[:;]", self.title)[0]

    @property
    def sentence(self) -> str:
        """The first sentence of the lead."""
        return SENTENCE.split(self.lead)[0]


@functools.cache
def openings() -> dict[str, Opening]:
    """The opening of each page that is a notebook, by docname, in the contents' order."""
    found = {}
    for page in notebooks():
        docname = page.relative_to(executed.ROOT).with_suffix("").as_posix()
        found[docname] = opening(docname, page.read_text(encoding="utf-8"))
    return found


def opening(docname: str, text: str) -> Opening:
    """Read a page's source. A page that asks for no other asks for its family's core page."""
    title = TITLE.search(text)
    lead = next(p for p in re.split(r"\n\s*\n", text[title.end() :]) if p.strip())
    here = Opening(docname, plain(title[1]), plain(lead))
    box = BOX.search(text)
    for sentence in SENTENCE.split(box[1] if box else ""):
        kind = here.helps if HELPS.search(sentence) else here.needs
        for _, target in PAGE_LINK.findall(sentence):
            kind.append(posixpath.normpath(posixpath.join(posixpath.dirname(docname), target)))
    if here.parent and not here.needs:
        here.needs.append(here.parent)
    return here


def plain(text: str) -> str:
    """MyST text without its marks, on one line."""
    text = re.sub(r"\{\w+\}`[^`]*`", "", text)
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text)
    return re.sub(r"\s+", " ", re.sub(r"[*`$]", "", text)).strip()


def chapters() -> dict[str, list[str]]:
    """The core pages of the contents, in order, each with its further pages."""
    toc = yaml.safe_load((executed.ROOT / "_toc.yml").read_text(encoding="utf-8"))
    rows = [row for part in toc["parts"] for row in part["chapters"]]
    return {
        row["file"]: [section["file"] for section in row.get("sections", [])]
        for row in rows
        if row["file"].startswith("chapters/")
    }
