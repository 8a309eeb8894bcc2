"""Slides of the core pages: a reveal.js deck a page, made from the page as it was built.

A deck has at most MOST slides, in the page's order: its figures, alive as on the page, theorems,
claims, labelled formulas, and sections that have none of these. What a slide has no room for is in
the speaker's notes. A cell's metadata can say otherwise: under ``slideshow: {slide_type: skip}``
nothing of the cell becomes a slide; under ``slide_type: slide`` it is admitted before the others,
and of code its first definition of at most LINES lines is shown.
"""

import ast
import copy
import html
import re
import shutil
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import sphinx_revealjs
from bs4 import BeautifulSoup, NavigableString, Tag
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from sphinx.application import Sphinx

from book import execute

FOLDER, MOST, SENTENCES, LINES, FEW_WORDS = "slides", 20, 3, 15, 20
REVEAL = Path(sphinx_revealjs.__file__).parent / "_static" / "revealjs"
REVEAL_FILES = ("LICENSE", "dist/reveal.css", "dist/reveal.js", "plugin/notes/notes.js")
SHEETS = ("reveal/reveal", "pygments", "katex", "book", "explore", "type", "slides")
SCRIPTS = ("reveal/reveal", "reveal/notes", "explore", "live", "livefig", "slides")
# Who is admitted first; of claims and formulas each section's first one comes before all others.
RANKS = ("title", "figure", "box", "claim", "formula", "words")
OFTEN = ("claim", "formula")
ONLY_ON_A_PAGE = {"headerlink", "section-number"}
HEADINGS = ["h1", "h2", "h3", "h4"]
WITHOUT_SLIDES = ("Exercises", "Further reading")
END = re.compile(r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!al\.)\s+(?=[A-Z]|$)")
NAMED = re.compile(r"^\$\$ \(([\w-]+)\)|^:label: ([\w-]+)$", re.MULTILINE)
DRAWN = re.compile(r"^@(?:explore|live)\(.*?^def (\w+)", re.DOTALL | re.MULTILINE)
KEYS = (
    "Arrows turn the slides; after a click on a control, it too. PageUp and PageDown turn them "
    "always. f: full screen. s: these notes. b: a dark screen."
)
PAGE = """<!DOCTYPE html>
<html lang="en" data-theme="light">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: slides</title>
<link rel="icon" href="../_static/favicon.svg">
{sheets}
</head>
<body>
<div class="reveal"><div class="slides">
{slides}
</div></div>
{scripts}
</body>
</html>
"""


@dataclass
class Slide:
    """What may become a slide.

    Attributes:
        name: what the notebook calls it: a figure's function, a label, a cell's source.
        rank: the lower, the sooner it is admitted.
        notes: what the speaker reads.
    """

    kind: str
    title: str
    body: str
    name: str = ""
    rank: int = 0
    notes: list[Tag] = field(default_factory=list)

    def markup(self) -> str:
        head = "h1" if self.kind == "title" else "h2"
        notes = "\n".join(map(words, self.notes or [parsed(self.body)]))
        return (
            f'<section class="slide-{self.kind}"><{head}>{self.title}</{head}>\n'
            f'<div class="slide-body">{self.body}</div>\n'
            f'<aside class="notes">{notes}</aside></section>'
        )


@dataclass
class Tags:
    """What the cells of a notebook say of its slides; `shown` are definitions, by cell."""

    skipped: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)
    shown: dict[str, str] = field(default_factory=dict)


def tags(page: Path) -> Tags:
    """Read a page's cells."""
    found = Tags()
    for cell in execute.read(page).cells:
        kind = cell.metadata.get("slideshow", {}).get("slide_type", "")
        names = {name for pair in NAMED.findall(cell.source) for name in pair if name}
        names |= set(DRAWN.findall(cell.source))
        if kind == "skip":
            found.skipped |= names
        elif kind == "slide":
            found.taken |= names
            if cell.cell_type == "code":
                found.shown[cell.source.strip()] = short_definition(cell.source)
    return found


def short_definition(source: str) -> str:
    """The first function or class of a cell that fits on a slide, '' where none does."""
    lines = source.splitlines()
    for node in ast.parse(source).body:
        short = getattr(node, "end_lineno", 0) - node.lineno < LINES
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and short:
            return "\n".join(lines[node.lineno - 1 : node.end_lineno])
    return ""


def parsed(markup: str) -> Tag:
    return BeautifulSoup(markup, "html.parser")


def article(page: str) -> Tag:
    """A built page's text without what only a page needs: links, section numbers, folds."""
    found = parsed(_article(page)).find("article")
    _clean(found)
    found.smooth()
    return found


def _clean(tag: Tag) -> None:
    for part in tag.find_all(True, recursive=False):
        kinds = part.get("class", [])
        if part.name in ("template", "details") or not ONLY_ON_A_PAGE.isdisjoint(kinds):
            part.extract()
            continue
        _clean(part)
        if part.name == "a" and "explore-link" not in kinds:
            part.unwrap()
        elif part.name == "section" and part.find(HEADINGS, recursive=False) is None:
            part.name = "div"  # a section is a slide


def _article(page: str) -> str:
    return page[page.index("<article") : page.index("</article>") + len("</article>")]


def blocks(text: Tag) -> Iterator[Tag]:
    """The parts of a page in order, out of the sections in which they stand."""
    for child in text.find_all(True, recursive=False):
        if child.name == "section":
            yield from blocks(child)
        else:
            yield child


def sentences(paragraph: Tag) -> list[str]:
    """A paragraph's sentences as markup; formulas and code in it are not cut."""
    found = [""]
    for child in paragraph.children:
        if not isinstance(child, NavigableString):
            found[-1] += str(child)
            continue
        first, *more = END.split(html.escape(child, quote=False))
        found = [*found[:-1], found[-1] + first, *more]
    return [sentence.strip() for sentence in found if sentence.strip()]


def words(block: Tag) -> str:
    """A block for the speaker's window, which has no stylesheet: formulas are MathML."""
    block = copy.copy(block)
    _plain(block)
    return str(block)


def _plain(tag: Tag) -> None:
    tag.attrs = {key: tag[key] for key in ("display", "xmlns") if key in tag.attrs}
    for part in tag.find_all(True, recursive=False):
        if part.name in ("svg", "script", "fieldset") or "katex-html" in part.get("class", []):
            part.extract()
        else:
            _plain(part)


class Deck:
    """All that a page offers for slides; `chosen` are those of the deck."""

    def __init__(self, text: Tag, address: str, said: Tags) -> None:
        self.said, self.blocks = said, list(blocks(text))
        self.title = text.find("h1").decode_contents()
        self.where = f'<p class="slide-where"><a href="{address}">The page</a></p>'
        self.slides = [self.first()]
        self.section: list[Slide] = []  # the slides of the section that is read
        self.heading, self.prose = "", []  # its title, and what was read since the last slide
        for at, block in enumerate(self.blocks):
            self.read(at, block)
        self.end_section()
        self.slides += self.last(text)

    def first(self) -> Slide:
        """The title, with the page's first sentence."""
        lead = next(block for block in self.blocks if block.name == "p")
        boxes = [block for block in self.blocks if "chapter-box" in block.get("class", [])]
        notes = [paragraph for box in boxes for paragraph in box.find_all("p")[1:]]
        return Slide("title", self.title, f"{lead}{self.where}", notes=[*notes, parsed(KEYS)])

    def last(self, text: Tag) -> list[Slide]:
        """The titles of the exercises, where there are any."""
        exercises = text.select(".exercise")
        names = [e.find(class_="admonition-title").get_text() for e in exercises]
        items = "".join(f"<li>{html.escape(_in_brackets(name))}</li>" for name in names)
        body = f"<ol>{items}</ol>{self.where}"
        return [Slide("exercises", "Exercises", body, notes=exercises)] * bool(exercises)

    def read(self, at: int, block: Tag) -> None:
        """Take one block of the page: a heading, a slide, or prose."""
        kinds = block.get("class", [])
        if block.name in ("h2", "h3", "h4"):
            self.end_section()
            self.heading = block.decode_contents()
            for slide in self.section:  # the figure above the first heading
                slide.title = slide.title or self.heading
        elif self.heading in WITHOUT_SLIDES or block.name == "h1":
            return
        elif "math" in kinds and block.get("id"):
            self.prose.append(block)
            self.add("formula", self.formula(at, block), block["id"].removeprefix("equation-"))
        elif "proof" in kinds:
            self.add("box", str(block), block.get("id", ""))
        elif "cell" in kinds:
            self.cell(block)
        elif block.name in ("p", "ul", "ol", "dl") or "math" in kinds:
            self.prose.append(block)

    def cell(self, block: Tag) -> None:
        """Take what a code cell shows."""
        code = block.select_one(".cell_input pre")
        if code and (text := self.said.shown.get(code.get_text().strip())):
            self.add("code", highlight(text, PythonLexer(), HtmlFormatter()), "")
        for figure in block.select("figure.explore"):
            self.add("figure", str(figure), figure["id"])
        for claim in block.select(".claim"):
            for asked in claim.find_all("dt", string="Asked by"):
                asked.find_next_sibling("dd").decompose()
                asked.decompose()
            self.add("claim", str(claim).replace(" (in the atlas)", ""), claim["id"])
        self.prose += block.select(".cell_output table")

    def add(self, kind: str, body: str, name: str) -> None:
        """Make a slide; of the prose before it the last block is its own, the rest the slide's
        before it.
        """
        if name in self.said.skipped:
            return
        again = kind in OFTEN and any(slide.kind == kind for slide in self.section)
        rank = RANKS.index(kind) + len(RANKS) * again if kind in RANKS else 0
        if self.section:
            self.section[-1].notes += self.prose[:-1]
            del self.prose[:-1]
        rank = 0 if name in self.said.taken else rank
        self.section.append(Slide(kind, self.heading, body, name, rank, self.prose))
        self.prose = []

    def formula(self, at: int, block: Tag) -> str:
        """A formula with the words that lead to it, and those that end its sentence."""
        before, after = self.blocks[at - 1], self.blocks[min(at + 1, len(self.blocks) - 1)]
        lead = sentences(before)[1 - SENTENCES :] if before.name == "p" else []
        more = sentences(after)[:1] if after.name == "p" else []
        if lead and not after.get_text().strip()[:1].islower():
            more = []
        return str(block).join(f"<p>{' '.join(part)}</p>" * bool(part) for part in (lead, more))

    def end_section(self) -> None:
        """Give the last prose to the last slide, or make a slide of it where there is none."""
        if self.section and not self.section[-1].title:
            return
        if self.section:
            self.section[-1].notes += self.prose
        elif self.heading and len(" ".join(b.get_text() for b in self.prose).split()) >= FEW_WORDS:
            self.section = [self.in_words()]
        else:  # what only leads to code
            self.slides[-1].notes += self.prose
        self.slides += self.section
        self.section, self.prose = [], []

    def in_words(self) -> Slide:
        """A slide of a section that shows nothing: its first formula or its first sentences."""
        rank = RANKS.index("words")
        for at, block in enumerate(self.blocks):
            if any(block is part for part in self.prose) and "math" in block.get("class", []):
                body = self.formula(at, block)
                return Slide("formula", self.heading, body, "", rank, self.prose)
        first = next((block for block in self.prose if block.name == "p"), self.prose[0])
        body = f"<p>{' '.join(sentences(first)[:SENTENCES])}</p>"
        return Slide("words", self.heading, body, "", rank, self.prose)

    def chosen(self) -> list[Slide]:
        """The slides of the deck; what is left out goes into the notes of the one before it."""
        order = sorted(range(len(self.slides)), key=lambda at: (self.slides[at].rank, at))
        kept: list[Slide] = []
        for at, slide in enumerate(self.slides):
            if at in order[:MOST]:
                kept.append(slide)
            else:
                title = parsed(f"<h4>{slide.title}</h4>")
                kept[-1].notes += [title, *(slide.notes or [parsed(slide.body)])]
        return kept


def _in_brackets(title: str) -> str:
    """The name in a title such as "Exercise 1 (Balance a neuron)"."""
    return title.partition("(")[2].strip().removesuffix(")") or title


def deck(page: str, address: str, said: Tags) -> str:
    """The deck of a built page, as a page of its own."""
    text = article(page)
    slides = Deck(text, address, said)
    sheets = (f'<link rel="stylesheet" href="../_static/{name}.css">' for name in SHEETS)
    scripts = (f'<script src="../_static/{name}.js"></script>' for name in SCRIPTS)
    return PAGE.format(
        title=text.find("h1").get_text(),
        slides="\n".join(slide.markup() for slide in slides.chosen()),
        sheets="\n".join(sheets),
        scripts="\n".join(scripts),
    )


def core_pages() -> list[str]:
    """The names of the pages that have a deck."""
    return [page.stem for page in execute.notebooks() if page.parent == execute.CHAPTERS]


def write_decks(app: Sphinx, error: Exception | None) -> None:
    """Write the decks of the core pages, and what they need of reveal.js, into the site."""
    if error or app.builder.format != "html":
        return
    site = Path(app.outdir)
    target = site / "_static" / "reveal"
    target.mkdir(parents=True, exist_ok=True)
    for file in REVEAL_FILES:
        shutil.copy(REVEAL / file, target)
    (site / FOLDER).mkdir(exist_ok=True)
    for name in core_pages():
        page, source = site / "chapters" / f"{name}.html", execute.page_named(name)
        made = site / FOLDER / page.name
        text = page.read_text(encoding="utf-8")
        stamp = made_from(text, source)
        if not made.exists() or stamp not in made.read_text(encoding="utf-8"):
            slides = deck(text, f"../chapters/{name}.html", tags(source))
            made.write_text(f"{slides}{stamp}\n", encoding="utf-8")


def made_from(page: str, source: Path) -> str:
    """A comment by which a deck is known to be that of a page and its notebook as they are now."""
    parts = _article(page).encode(), source.read_bytes(), Path(__file__).read_bytes()
    return f"<!-- {zlib.crc32(b''.join(parts)):08x} -->"


def setup(app: Sphinx) -> None:
    app.connect("build-finished", write_decks, priority=400)  # before idle frames are removed
