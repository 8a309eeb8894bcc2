"""The Markdown of a chapter for tools that know no MyST: Jupyter, Colab, VS Code, GitHub.

`plain` writes boxes, references and citations of a page's text in Markdown's own forms, and `myst`
reads them back, with all that somebody has edited in them. `book.pairs` writes the first into each
.ipynb.

    {cite}`liu2024kan`          [[Liu et al., 2024](https://arxiv.org/abs/... "its title")]
    {eq}`kan-edge`              [(3)](#kan-edge), and the formula gets its number
    {prf:ref}`kan-theorem`      [Theorem (its name)](#kan-theorem)
    {set}`hats <bumps?k=1>`     hats, and a comment
    [](kan/bases.md)            [its title](kan/bases.ipynb "its title")
    a theorem or a definition   a quotation that begins with its name
    an exercise                 a heading and its text
    a dropdown                  <details>
"""

import functools
import os
import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = ROOT / "chapters"
BIBLIOGRAPHY = ROOT / "book" / "references.bib"
ARXIV = "https://arxiv.org/abs/"
PROOFS = {
    "prf:theorem": "Theorem",
    "prf:proposition": "Proposition",
    "prf:definition": "Definition",
}

BOX = re.compile(
    r"^```\{(?P<kind>prf:\w+|exercise|admonition)\} (?P<title>.*)\n(?P<options>(?::\w+: \S+\n)*)"
    r"(?P<body>[\s\S]*?)\n```$",
    re.MULTILINE,
)
FOLD = re.compile(r"^:::\{dropdown\} (?P<title>.*)\n(?P<body>[\s\S]*?)\n:::$", re.MULTILINE)
BODY = r"(?P<body>(?:(?!\$\$).*\n)*?)"
DISPLAY = re.compile(rf"^\$\$\n{BODY}\$\$ \((?P<label>[\w-]+)\)$", re.MULTILINE)
CITE = re.compile(r"\{cite\}`([^`]*)`")
EQ = re.compile(r"\{eq\}`([\w-]+)`")
PROOF = re.compile(r"\{prf:ref\}`([\w-]+)`")
SET = re.compile(r"\{set\}`([^`<]*?) <([^`>\s]+)>`")
LINK = re.compile(r"(?<!!)\[([^\]\[]*)\]\(([\w./-]+)\.md\)")

PLAIN_BOX = re.compile(
    r"^<!-- (?P<kind>[\w:]+)(?P<options>(?: :\w+: \S+)*) -->\n"
    r"(?:<blockquote[^>\n]*>\n\n\*\*(?P<bold>.*)\*\*|### Exercise: (?P<heading>.*))\n\n"
    r"(?P<body>[\s\S]*?)\n(?:\n</blockquote>\n)?<!-- end -->$",
    re.MULTILINE,
)
PLAIN_FOLD = re.compile(
    r"^<details><summary>(?P<title>.*)</summary>\n\n(?P<body>[\s\S]*?)\n\n</details>$",
    re.MULTILINE,
)
PLAIN_DISPLAY = re.compile(
    rf'^<a id="(?P<label>[\w-]+)"></a>\n\n\$\$\n{BODY}\\tag\{{\d+\}}\n\$\$$', re.MULTILINE
)
ONE = rf'(?:\[[^\]\[]*\]\({ARXIV}[^)\s]+(?: "[^"]*")?\)|[^\[\]]*?<!-- cite [\w-]+ -->)'
PLAIN_CITE = re.compile(rf"\[{ONE}(?:; {ONE})*\]")
CITED = re.compile(rf"{ARXIV}(?P<number>[^)\s]+)|<!-- cite (?P<key>[\w-]+) -->")
ADDRESS = r"\((?:[\w./-]+\.ipynb)?#([\w-]+)\)"
PLAIN_EQ = re.compile(rf"\[\(\d+\)\]{ADDRESS}")
PLAIN_PROOF = re.compile(rf"\[\w+ \([^\]]*\)\]{ADDRESS}")
PLAIN_SET = re.compile(r"<!-- set (\d+) (\S+) -->")
BROKEN = re.compile(
    r"<!-- (?:end|exercise|admonition|cite|set|prf:\w+)\b.*?-->|</?blockquote[^>]*>|\\tag\{.*?\}"
    r'|<a id="[^>]*>|</?details>'
)
PLAIN_LINK = re.compile(r'(?<!!)\[([^\]\[]*)\]\(([\w./-]+)\.ipynb(?: "([^"]*)")?\)')


class Label(NamedTuple):
    """What a label stands for: the page, and how a reference names it."""

    page: str
    words: str


def labels(text: str, page: str) -> dict[str, Label]:
    """The labels of a page's formulas and boxes."""
    formulas = [found["label"] for found in DISPLAY.finditer(text)]
    found = {label: Label(page, f"({number})") for number, label in enumerate(formulas, start=1)}
    for box in BOX.finditer(text):
        label = re.search(r":label: (\S+)", box["options"])
        if label and box["kind"] in PROOFS:
            found[label[1]] = Label(page, _name(box["kind"], box["title"]))
    return found


@functools.cache
def book() -> tuple[dict[str, str], dict[str, Label]]:
    """The titles of all pages by name, and the labels of all."""
    titles, every = {}, {}
    for file in sorted(CHAPTERS.rglob("*.md")):
        text = file.read_text(encoding="utf-8")
        name = file.relative_to(CHAPTERS).with_suffix("").as_posix()
        if found := re.search(r"^# (.*)", text, re.MULTILINE):
            titles[name] = found[1]
        every |= labels(text, name)
    return titles, every


class Paper(NamedTuple):
    """An entry of the bibliography: "Jacot et al., 2018", title, number at arXiv or ''."""

    label: str
    title: str
    number: str


@functools.cache
def papers() -> dict[str, Paper]:
    """The bibliography by key."""
    from pybtex.database import parse_file
    from pybtex.richtext import Text

    found = {}
    for key, entry in parse_file(str(BIBLIOGRAPHY)).entries.items():
        people = entry.persons.get("author") or entry.persons.get("editor") or []
        names = [" ".join([*person.prelast_names, *person.last_names]) for person in people]
        names = [str(Text.from_latex(name)) for name in names]
        names = [f"{names[0]} et al."] if len(names) > 2 else names
        title = str(Text.from_latex(entry.fields["title"])).replace('"', "'")
        label = f"{' and '.join(names)}, {entry.fields['year']}"
        found[key] = Paper(label, title, entry.fields.get("eprint", ""))
    return found


def plain(texts: list[str], page: str) -> list[str]:
    """The text cells of a page in plain Markdown.

    Args:
        page: its name, such as "kan/bases".
    """
    whole = "\n\n".join(texts)
    known = book()[1] | labels(whole, page)
    return [_plain(text, page, known) for text in texts]


def _plain(text: str, page: str, known: dict[str, Label]) -> str:
    text = DISPLAY.sub(lambda m: _display(m, known[m["label"]]), text)
    text = FOLD.sub(r"<details><summary>\g<title></summary>\n\n\g<body>\n\n</details>", text)
    text = BOX.sub(_box, text)
    for role in (EQ, PROOF):
        text = role.sub(lambda m: _reference(m, page, known), text)
    return linked(text, page)


def linked(text: str, page: str) -> str:
    """A text in which what no tool but the book's knows is plain: citations, links to chapters."""
    text = SET.sub(lambda m: f"{m[1]}<!-- set {len(m[1].split())} {m[2]} -->", text)
    text = CITE.sub(_citation, text)
    return LINK.sub(lambda m: _link(m, page), text)


def _name(kind: str, title: str) -> str:
    return f"{PROOFS[kind]} ({title})"


def _display(found: re.Match, label: Label) -> str:
    number = label.words.strip("()")
    return f'<a id="{found["label"]}"></a>\n\n$$\n{found["body"]}\\tag{{{number}}}\n$$'


def _box(found: re.Match) -> str:
    kind, title, options = found["kind"], found["title"], found["options"].splitlines()
    head = f"<!-- {' '.join([kind, *options])} -->\n"
    if kind == "exercise":
        return f"{head}### Exercise: {title}\n\n{found['body']}\n<!-- end -->"
    label = re.search(r":label: (\S+)", found["options"])
    opening = f'<blockquote id="{label[1]}">' if label else "<blockquote>"
    bold = f"{_name(kind, title)}." if kind in PROOFS else title
    return f"{head}{opening}\n\n**{bold}**\n\n{found['body']}\n\n</blockquote>\n<!-- end -->"


def _reference(found: re.Match, page: str, known: dict[str, Label]) -> str:
    if not (label := known.get(found[1])):
        return found[0]
    return f"[{label.words}]({'' if label.page == page else _way(page, label.page)}#{found[1]})"


def _way(page: str, other: str) -> str:
    return os.path.relpath(f"{other}.ipynb", os.path.dirname(page) or ".")


def _citation(found: re.Match) -> str:
    keys = [key.strip() for key in found[1].split(",")]
    if not all(key in papers() for key in keys):
        return found[0]
    parts = []
    for key in keys:
        label, title, number = papers()[key]
        link = f'[{label}]({ARXIV}{number} "{title}")'
        parts.append(link if number else f"{label}<!-- cite {key} -->")
    return f"[{'; '.join(parts)}]"


def _link(found: re.Match, page: str) -> str:
    words, way = found[1], found[2]
    name = os.path.normpath(os.path.join(os.path.dirname(page), way))
    if not (title := book()[0].get(name)):
        return found[0]
    return f"[{words}]({way}.ipynb)" if words else f'[{title}]({way}.ipynb "{title}")'


def myst(text: str) -> str:
    """A text cell of an .ipynb as the .md has it."""
    text = PLAIN_LINK.sub(lambda m: f"[{m[1] if m[1] != m[3] else ''}]({m[2]}.md)", text)
    text = PLAIN_CITE.sub(_keys, text)
    text = PLAIN_SET.sub("\x00\\1 \\2\x00", text)
    while "\x00" in text:
        text = re.sub(_words_before(text), r"{set}`\g<words> <\g<setting>>`", text, count=1)
    text = PLAIN_PROOF.sub(r"{prf:ref}`\1`", text)
    text = PLAIN_EQ.sub(r"{eq}`\1`", text)
    text = PLAIN_BOX.sub(_directive, text)
    text = PLAIN_FOLD.sub(r":::{dropdown} \g<title>\n\g<body>\n:::", text)
    return PLAIN_DISPLAY.sub(r"$$\n\g<body>$$ (\g<label>)", text)


def broken(text: str) -> str:
    """What is left in a text that `myst` read where an edit took a form apart; '' if nothing is."""
    found = BROKEN.search(text)
    return found[0] if found else ""


def _words_before(text: str) -> str:
    """The pattern of the first comment that sets a figure, with the words that it is about."""
    number = int(re.search("\x00(\\d+) ", text)[1])
    words = r"\s+".join([r"\S+"] * number)
    return rf"(?P<words>{words})\x00\d+ (?P<setting>\S+)\x00"


def _keys(found: re.Match) -> str:
    numbers = {paper.number: key for key, paper in papers().items() if paper.number}
    keys = [m["key"] or numbers.get(m["number"]) for m in CITED.finditer(found[0])]
    return f"{{cite}}`{','.join(keys)}`" if all(keys) else found[0]


def _directive(found: re.Match) -> str:
    title = found["heading"] or found["bold"]
    if found["kind"] in PROOFS:
        title = re.sub(r"^\w+ \((.*)\)\.$", r"\1", title)
    options = re.sub(r" (?=:\w+:)", "\n", found["options"])
    return f"```{{{found['kind']}}} {title}{options}\n{found['body']}\n```"
