"""A light first load: the rules in use inside the page, small fonts, scripts after the text.

On a line of 400 kb/s and 400 ms the text of a chapter stands after 1.1 s so, and after 2.8 s with
the same rules in a file of their own.
"""

import html
import posixpath
import re
import zlib
from collections.abc import Iterable
from pathlib import Path

import matplotlib
import tinycss2
from fontTools import subset
from fontTools.ttLib import TTFont
from sphinx.application import Sphinx

EARLY = 200  # scripts of a lower priority stand before the text
THEME = ("styles/theme.css", "styles/pydata-sphinx-theme.css")
UNUSED = "thebe"
NEEDED_BY = {  # a script, by a word in its address or its text, and the markup that needs it
    "toggle": re.compile(r'class="[^"]*(?<![\w-])(toggle|dropdown)(?![\w-])'),
    "design-tabs": re.compile(r"sd-tab-set"),
    "filter.js": re.compile(r'class="[^"]*\bfilter\b'),
    "live.js": re.compile(r'class="explore live"'),
    "livefig.js": re.compile(r'class="explore live"'),
}
THEBE = re.compile(r'<script type="text/x-thebe-config">.*?</script>\s*<script>.*?</script>', re.S)
FOREIGN = {  # what no page loads
    "fontawesome",
    "mathjax",
    "locales",
    "reveal",
    "searchindex",
    "webpack-macros",
}
FRAMES = 100_000  # a script of more letters holds frames, whose classes stand in attributes
ENTITY = re.compile(r"&#?\w+;")
NAMES = re.compile(r'(?:class|id)=\\?"([^"\\]*)')
WORD = re.compile(r"[\w-]+")
CLASS = re.compile(r"[.#](-?[A-Za-z_][\w-]*)")
ASIDE = re.compile(r":(?:not|is|where|has)\((?:[^()]|\([^()]*\))*\)|\[[^\]]*\]")
URL = re.compile(r"url\(\s*(['\"]?)(?!data:|https?:|#)([^'\")]+)\1\s*\)")
FONT = re.compile(r"src\s*:[^;}]*?([\w-]+)\.(?:woff2|woff|ttf)[^;}]*")
AUTO = re.compile(r'(<html[^>]*data-theme=")auto')
READ = re.compile(r"var\(\s*(--[\w-]+)")
PROPERTY = re.compile(r"(?<=[{;])\s*(--[\w-]+)\s*:[^;{}\"'\\]*(?:;|(?=}))")
PLACE = re.compile(r'(<style id="sheet" data-static="([^"]*)">).*?(</style>)', re.DOTALL)
ESCAPED = re.compile(r"\\u([0-9a-f]{4})", re.IGNORECASE)


def thin_page(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    """Of the scripts only those that a page needs, most of them after its text.

    The search page's scripts rely on each other's order and stay where they are.
    """
    body = context["body"] = THEBE.sub("", context.get("body", ""))
    scripts = [s for s in context.get("script_files", []) if _needed(s, body)]
    late = [] if page == "search" else [s for s in scripts if s.priority >= EARLY]
    context["script_files"] = sorted((s for s in scripts if s not in late), key=_priority)
    context["late_scripts"] = [_deferred(s) for s in sorted(late, key=_priority)]


def _deferred(script):
    """The same script, run in its order when the page has been read."""
    how = {"defer": "defer"} if script.filename else {}
    if "DOCUMENTATION_OPTIONS" in script.attributes.get("body", ""):
        how = {"type": "module"}  # runs after the script that defines it
    attributes = {**script.attributes, **how}
    return type(script)(script.filename, priority=script.priority, **attributes)


def _priority(script) -> int:
    return script.priority


def _needed(script, body: str) -> bool:
    text = f"{script.filename} {script.attributes}"
    wanted = (markup.search(body) for word, markup in NEEDED_BY.items() if word in text)
    return UNUSED not in text.lower() and all(wanted)


def write_light(app: Sphinx, error: Exception | None) -> None:
    """Put the stylesheets' rules that the site uses into its pages, and write their fonts."""
    if error or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    named = [str(sheet.filename) for sheet in app.builder._css_files]
    sheets = [static / name for name in THEME]
    sheets += [Path(app.outdir) / name for name in dict.fromkeys(named) if UNUSED not in name]
    names, letters = used(Path(app.outdir))
    css = without_idle("".join(merged(sheet, static, names) for sheet in sheets), names)
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        dressed = AUTO.sub(r"\1light", text)  # the colours of a page whose scripts do not run
        dressed = PLACE.sub(lambda found: f"{found[1]}{_moved(css, found[2])}{found[3]}", dressed)
        if dressed != text:
            page.write_text(dressed, encoding="utf-8")
    write_fonts(static, letters | set(css))


def used(site: Path) -> tuple[set[str], set[str]]:
    """The classes and ids that pages and scripts name, and the letters that they show."""
    names, letters = set(), set()
    for file in [*site.rglob("*.html"), *site.rglob("*.js")]:
        if FOREIGN.intersection(file.relative_to(site).with_suffix("").parts):
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        letters |= set(text) | set(html.unescape("".join(set(ENTITY.findall(text)))))
        letters |= {chr(int(code, 16)) for code in set(ESCAPED.findall(text))}
        names.update(READ.findall(text))
        for found in set(NAMES.findall(text)):
            names.update(found.split())
        if file.suffix == ".js" and len(text) < FRAMES:
            names.update(WORD.findall(text))
    return names, letters


def without_idle(css: str, names: set[str]) -> str:
    """Rules without the custom properties that nothing reads."""
    read = names | set(READ.findall(css))
    return PROPERTY.sub(lambda found: found[0] if found[1] in read else "", css)


def merged(sheet: Path, static: Path, names: set[str]) -> str:
    """The rules of a stylesheet that can match something, with addresses relative to `static`."""
    text = sheet.read_text(encoding="utf-8")
    rules = tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True)
    place = posixpath.relpath(sheet.parent.as_posix(), static.as_posix())
    return "".join(_kept(rules, names, place, sheet, static))


def _kept(rules: Iterable, names: set[str], place: str, sheet: Path, static: Path) -> Iterable[str]:
    for rule in rules:
        if rule.type == "qualified-rule":
            chosen = [s for s in _selectors(rule.prelude) if _can_match(s, names)]
            if chosen:
                yield f"{','.join(chosen)}{{{_moved(_text(rule.content), place)}}}\n"
        elif rule.type == "at-rule" and rule.lower_at_keyword == "import":
            yield merged(
                sheet.parent / URL.sub(r"\2", _text(rule.prelude)).strip("\"' "), static, names
            )
        elif rule.type == "at-rule" and rule.lower_at_keyword == "font-face":
            yield f"@font-face{{{FONT.sub(_shipped, _text(rule.content))}}}\n"
        elif rule.type == "at-rule" and rule.lower_at_keyword in ("media", "supports", "layer"):
            inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
            if kept := "".join(_kept(inner, names, place, sheet, static)):
                yield f"@{rule.at_keyword} {_text(rule.prelude)}{{{kept}}}\n"
        elif rule.type == "at-rule" and rule.lower_at_keyword != "charset":
            yield rule.serialize() + "\n"


def _text(tokens: list) -> str:
    return tinycss2.serialize([t for t in tokens or [] if t.type != "comment"]).strip()


def _selectors(prelude: list) -> list[str]:
    parts = [[]]
    for token in prelude:
        if token.type == "literal" and token.value == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    return [_text(part) for part in parts]


def _can_match(selector: str, names: set[str]) -> bool:
    return set(CLASS.findall(ASIDE.sub("", selector))) <= names


def _moved(text: str, place: str) -> str:
    return URL.sub(
        lambda found: f"url({posixpath.normpath(posixpath.join(place, found[2]))})", text
    )


def _shipped(found: re.Match) -> str:
    return f'src:url(fonts/{found[1]}.woff2) format("woff2")'


def write_fonts(static: Path, letters: set[str]) -> None:
    """Write the icons', formulas' and figures' fonts with the letters that are used, once."""
    ours = Path(__file__).resolve().parent.parent
    figures = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    sources = [
        *sorted((static / "vendor" / "fontawesome" / "webfonts").glob("*.woff2")),
        *sorted((ours / "katex" / "fonts").glob("*.woff2")),
        figures / "DejaVuSans.ttf",
        figures / "DejaVuSans-Oblique.ttf",
    ]
    codes = {ord(letter) for letter in letters}
    stamp, now = static / "fonts" / "letters.crc", str(zlib.crc32(repr(sorted(codes)).encode()))
    if stamp.exists() and stamp.read_text(encoding="ascii") == now:
        return
    stamp.parent.mkdir(exist_ok=True)
    options = subset.Options(hinting=False, layout_features=[])
    options.drop_tables += ["FFTM"]
    options.name_IDs = [0]  # the copyright: a part of a font may not bear its reserved name
    for source in sources:
        font = TTFont(source)
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=codes)
        subsetter.subset(font)
        font.flavor = "woff2"
        font.save(stamp.parent / f"{source.stem}.woff2")
    stamp.write_text(now, encoding="ascii")


def setup(app: Sphinx) -> dict:
    app.connect("html-page-context", thin_page, priority=950)
    app.connect("build-finished", write_light, priority=900)  # the theme writes its colours first
    return {"parallel_read_safe": True, "parallel_write_safe": True}
