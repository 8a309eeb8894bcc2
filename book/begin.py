"""Begin a page: ``python -m book.begin activations/curves gelu`` copies `book/template.md`, with a
claim of the paper `gelu`, and its hidden tests, and lists the page in `_toc.yml`.

Then ``make pairs`` writes its notebook. The copy passes the tests as it is, once its claim is
measured: what you change, they hold.
"""

import re
import sys
from pathlib import Path

from book import execute, settings
from helpers.atlas import paper

TEMPLATE = execute.ROOT / "book" / "template.md"
HIDDEN = execute.ROOT / "book" / "hidden"
NAME = re.compile(r"[a-z][a-z0-9_]*/[a-z][a-z0-9_]*")


def begun(template: Path, name: str, key: str) -> str:
    """A template as the page `name` (family/topic) with a claim of the paper `key`."""
    slug = name.replace("/", "-")
    text = template.read_text(encoding="utf-8").replace("PAPER", key)
    text = text.replace("template_", f"{slug.replace('-', '_')}_")
    return text.replace("template-", f"{slug}-").replace("template.md", f"{name}.md")


def listed(toc: str, name: str) -> str:
    """The text of `_toc.yml` with the page: last of its family, or at the end of the chapters."""
    lines = toc.splitlines()
    family = name.split("/")[0]
    chapters = [i for i, line in enumerate(lines) if "- file: chapters/" in line]
    own = [i for i in chapters if re.search(rf"chapters/{family}(/|$)", lines[i])]
    core = own and lines[own[0]].endswith(f"chapters/{family}")
    new = [" " * 10 * bool(core) + " " * 6 * (not core) + f"- file: chapters/{name}"]
    if core and len(own) == 1:
        new.insert(0, " " * 8 + "sections:")
    at = (own or chapters)[-1] + 1
    return "\n".join([*lines[:at], *new, *lines[at:]]) + "\n"


@settings.command
def main() -> int:
    name, *rest = sys.argv[1:] or [""]
    if not NAME.fullmatch(name):
        sys.exit(
            f"NAME is family/topic in small letters, such as activations/curves; it is {name!r}"
        )
    page = execute.page_named(name)
    if page.exists():
        sys.exit(f"{page.relative_to(execute.ROOT)} is there already")
    key = rest[0] if rest else ""
    try:
        paper(key)
    except KeyError as error:
        sys.exit(f"PAPER is the key of the page's first paper: {error.args[0]}")
    copies = {TEMPLATE: page, HIDDEN / "template.py": HIDDEN / f"{name}.py"}
    for template, copy in copies.items():
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(begun(template, name, key), encoding="utf-8")
    toc = Path(execute.ROOT / "_toc.yml")
    toc.write_text(listed(toc.read_text(encoding="utf-8"), name), encoding="utf-8")
    written = " and ".join(str(copy.relative_to(execute.ROOT)) for copy in copies.values())
    print(f"wrote {written}, and a line in _toc.yml; next: make pairs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
