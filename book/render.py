"""Make the pages with Jupyter Book: ``python -m book.render OUT html|latex``, for `book.build`.

It is what ``jupyter-book build -W -n --keep-going`` does, without its banners.
"""

import sys
from pathlib import Path

from jupyter_book.sphinx import build_sphinx

ROOT = Path(__file__).resolve().parent.parent
FIRST = '<meta http-equiv="refresh" content="0; url=book/index.html">\n'


def main() -> int:
    out, builder = Path(sys.argv[1]), sys.argv[2]
    target = out / "_build" / builder
    status = build_sphinx(
        ROOT,
        target,
        noconfig=True,
        doctreedir=out / "_build" / f".doctrees-{builder}",
        path_config=ROOT / "_config.yml",
        confoverrides={
            "external_toc_path": str(ROOT / "_toc.yml"),
            "latex_individualpages": False,
            "nitpicky": True,
        },
        builder=builder,
        warningiserror=True,
        keep_going=True,
        quiet=True,
    )
    if builder == "html" and isinstance(status, int):
        (target / "index.html").write_text(FIRST, encoding="utf-8")
    return status if isinstance(status, int) else 2


if __name__ == "__main__":
    sys.exit(main())
