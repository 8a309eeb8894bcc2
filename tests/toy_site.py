"""A small site with the book's own extensions and scripts, for tests of figures."""

import sys
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util.console import nocolor
from sphinx.util.docutils import docutils_namespace

from helpers.explorer import Explorer
from tests.conftest import ROOT

sys.path.insert(0, str(ROOT / "book" / "_ext"))
import executed
import frames_apart
import setting

STATIC = ROOT / "book" / "_static"


def build(
    folder: Path,
    figures: dict[str, Explorer],
    pages: dict[str, str],
    scripts: tuple[str, ...] = ("explore",),
) -> tuple[Path, str]:
    """Build pages of reStructuredText, which may include each figure as ``<name>.html``.

    Returns:
        the site's folder, and what Sphinx warned of.
    """
    source, out, warnings = folder / "source", folder / "site", folder / "warnings"
    source.mkdir(parents=True)
    for name, figure in figures.items():
        (source / f"{name}.html").write_text(figure.record(), encoding="utf-8")
    for name, text in pages.items():
        (source / f"{name}.rst").write_text(text, encoding="utf-8")
    options = {
        "html_theme": "basic",
        "html_static_path": [str(STATIC)],
        "html_favicon": str(STATIC / "favicon.svg"),
    }
    with warnings.open("w", encoding="utf-8") as log, docutils_namespace():
        nocolor()
        app = Sphinx(source, None, out, folder / "trees", "html", options, None, log)
        app.add_css_file("explore.css")
        for name in scripts:
            app.add_js_file(f"{name}.js", loading_method="defer")
        frames_apart.setup(app)
        setting.setup(app)
        run = executed.Run("index", fingerprint="done")
        run.figures = [figure.summary for figure in figures.values()]
        app.runnable_runs = {"index": run}
        app.build()
    return out, warnings.read_text(encoding="utf-8")
