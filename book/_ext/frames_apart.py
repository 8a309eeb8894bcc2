"""Figures on a page: their controls, and their frames in scripts of their own.

A script, unlike data, can be loaded from a folder without a server, too. It lies in
``_static/frames`` and is called after the figure and its content, so that pages share it.
"""

import hashlib
import json
import re
from pathlib import Path

from controls import controls, live_buttons, title
from sphinx.application import Sphinx

FOLDER = "_static/frames"
DATA = re.compile(r'<script type="application/json" class="explore-data">(.*?)</script>', re.DOTALL)
USED = re.compile(rf'"frames": ?"[./]*{FOLDER}/([^"]+)"')


def take_out(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    """Replace the data of each figure of a page by controls; write its frames beside the page."""
    if app.builder.format != "html" or 'class="explore-data"' not in context.get("body", ""):
        return
    figures = 0

    def replaced(match: re.Match) -> str:
        nonlocal figures
        data = json.loads(match[1])
        if "name" not in data:  # shown as it was recorded by earlier helpers
            return ""
        figures += 1
        return figure(data, Path(app.outdir), context["pathto"], figures == 1)

    context["body"] = DATA.sub(replaced, context["body"])


def figure(data: dict, outdir: Path, pathto, first: bool) -> str:
    """The controls of a figure, and where its frames are; those of a page's first figure are
    fetched while the page is still read.
    """
    name, knobs = data.pop("name"), data.pop("knobs")
    buttons = live_buttons(bool(data["carry"])) if "program" in data else ""
    frames = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    file = f"{name}-{hashlib.sha256(frames.encode()).hexdigest()[:10]}.js"
    target = outdir / FOLDER / file
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        call = f'(window.exploreFrames ||= []).push(["{file}",{frames}]);\n'
        target.write_text(call, encoding="utf-8")
    address = pathto(f"{FOLDER}/{file}", 1)
    parts = [
        {"title": title(knob), **{part: knob[part] for part in ("name", "addresses", "labels")}}
        for knob in knobs
    ]
    kept = json.dumps({"frames": address, "knobs": parts}, ensure_ascii=False).replace("</", "<\\/")
    return (
        f"{controls(name, knobs, buttons)}"
        f'<script type="application/json" class="explore-data">{kept}</script>'
        + f'<script class="explore-frames" async src="{address}"></script>'
        * first
    )


def used(site: Path) -> set[str]:
    """The files of frames that the pages of a site name."""
    pages = (path.read_text(encoding="utf-8") for path in site.rglob("*.html"))
    return {file for text in pages for file in USED.findall(text)}


def drop_old(app: Sphinx, error: Exception | None) -> None:
    """Remove the frames of earlier builds that no page names any more."""
    if error or app.builder.format != "html":
        return
    needed = used(Path(app.outdir))
    for file in (Path(app.outdir) / FOLDER).glob("*.js"):
        if file.name not in needed:
            file.unlink()


def setup(app: Sphinx) -> None:
    app.connect("html-page-context", take_out)
    app.connect("build-finished", drop_old)
