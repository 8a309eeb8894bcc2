"""The book on paper: its typefaces and measures, and what a printed page shows in another form.

With PAGES="kan ntk/features" each family named is a document of its own.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import matplotlib
from bs4 import BeautifulSoup
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment

from book import pdf, settings

MONO = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
FONTS = r"""
\setmainfont{texgyrepagella}[Extension=.otf, UprightFont=*-regular, BoldFont=*-bold,
  ItalicFont=*-italic, BoldItalicFont=*-bolditalic]
\setsansfont{texgyreheros}[Extension=.otf, UprightFont=*-regular, BoldFont=*-bold,
  ItalicFont=*-italic, BoldItalicFont=*-bolditalic]
\setmonofont{DejaVuSansMono}[Extension=.ttf, UprightFont=*, BoldFont=*-Bold,
  ItalicFont=*-Oblique, BoldItalicFont=*-BoldOblique, Scale=0.82]
"""
ON_SCREEN = ("book/map", "book/glossary", "book/atlas", "book/ledger", "book/benchmarks")
TABLES = "The tables of this chapter are long and linked; they are on the pages, not in print."
# Only the parts that the table of contents numbers have numbered chapters, from 1 on. The theme of
# Jupyter Book would bring a narrow page, and packages of half a gigabyte.
PREAMBLE = r"""
\newenvironment{sphinxVerbatimInput}{}{}
\newenvironment{sphinxVerbatimOutput}{}{}
\fvset{fontsize=\small}
\setcounter{tocdepth}{1}
\AtBeginDocument{\setmathfont{texgyrepagella-math.otf}}
\let\partasbefore\part
\renewcommand{\part}[1]{\partasbefore{#1}%
  \ifnum\value{part}=2 \setcounter{secnumdepth}{1}\setcounter{chapter}{0}%
  \else\setcounter{secnumdepth}{-1}\fi}
"""
ELEMENTS = {
    "papersize": "a4paper",
    "pointsize": "10pt",
    "fontpkg": FONTS,
    "fncychap": "",
    "sphinxsetup": "hmargin={25mm,25mm}, vmargin={25mm,25mm}, verbatimforcewraps=true, "
    "verbatimwithframe=false, VerbatimColor={gray}{0.96}",
    "figure_align": "htbp",
    "makeindex": "",
    "printindex": "",
    "extraclassoptions": "openany,oneside",
}


def configure(app: Sphinx, config: Config) -> None:
    """Set the book, or each family named, in our form."""
    elements = dict(config["latex_elements"])
    elements["preamble"] = elements.get("preamble", "") + PREAMBLE
    config["latex_elements"] = elements | ELEMENTS
    config["latex_theme"] = "manual"
    config["latex_use_xindy"] = False
    if settings.pages():
        config["latex_appendices"] = ["book/bibliography"]


def choose_documents(app: Sphinx, env: BuildEnvironment) -> None:
    """Write the families named, not the book. Jupyter Book fixes its document before the build."""
    if app.builder.format == "latex" and (names := settings.pages()):
        app.config["latex_toplevel_sectioning"] = "chapter"
        app.config["latex_documents"] = [
            (
                f"chapters/{name}",
                f"{name}.tex",
                env.titles[f"chapters/{name}"].astext(),
                "",
                "manual",
            )
            for name in pdf.families(names)
        ]


def number_as_on_pages(app: Sphinx, depth: int) -> None:
    """Theorems and formulas count within a chapter; LaTeX counts the parts above it, too."""
    if app.builder.format == "latex":
        app.config["numfig_secnum_depth"] = depth


def for_print(app: Sphinx, doctree: nodes.document) -> None:
    """Give claims and tables a form without HTML."""
    if app.builder.format != "latex":
        return
    for node in list(doctree.findall(nodes.raw)):
        text = node.astext()
        if '<div class="claim ' in text:
            bundle = node
            while bundle.get("nb_element") != "mime_bundle":
                bundle = bundle.parent
            bundle.replace_self(list(_boxes(text)))
    for head in list(doctree.findall(nodes.thead)):
        if not head.astext().strip():
            head.parent.remove(head)
    if app.env.docname in ON_SCREEN:
        next(iter(doctree.findall(nodes.section))).append(nodes.paragraph("", TABLES))


def _boxes(markup: str) -> Iterator[nodes.admonition]:
    """Claims as admonitions: what is said, and a line for each fact."""
    for claim in BeautifulSoup(markup, "html.parser").select(".claim"):
        state = claim.select_one(".claim-verdict").extract().get_text()
        box = nodes.admonition("", nodes.title("", f"Claim: {state}"))
        box += nodes.paragraph("", claim.p.get_text().strip())
        lines = nodes.line_block()
        for name, fact in zip(claim.select("dt"), claim.select("dd")):
            name = nodes.strong("", name.get_text())
            lines += nodes.line("", "", name, nodes.Text(f": {fact.get_text()}"))
        box += lines
        yield box


def copy_typeface(app: Sphinx, error: Exception | None) -> None:
    """Put the typeface of the code, which matplotlib brings, beside the source."""
    if not error and app.builder.format == "latex":
        for file in MONO.glob("DejaVuSansMono*.ttf"):
            shutil.copy(file, app.outdir)


def setup(app: Sphinx) -> None:
    app.connect("config-inited", configure, priority=900)
    app.connect("builder-inited", lambda app: number_as_on_pages(app, 1), priority=900)
    app.connect("env-check-consistency", lambda app, env: number_as_on_pages(app, 2))
    app.connect("env-check-consistency", choose_documents)
    app.connect("doctree-read", for_print, priority=400)
    app.connect("build-finished", copy_typeface)
