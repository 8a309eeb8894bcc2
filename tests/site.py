"""Checks of a built site that need no browser."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The anchors that a page has, and the addresses it names."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.addresses: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            elif name in ("href", "src") and value:
                self.addresses.append(value)


def broken_links(site: Path) -> list[str]:
    """Every address inside the site that leads nowhere, with the page that names it."""
    pages = {path.resolve(): Page(path) for path in sorted(site.rglob("*.html"))}
    broken = []
    for path, page in pages.items():
        if "_static" in path.parts:
            continue
        for address in dict.fromkeys(page.addresses):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            where = f"{path.relative_to(site.resolve())}: {address}"
            if target.is_dir():
                target /= "index.html"
            if not target.exists():
                broken.append(f"{where} (no such file)")
            elif parts.fragment and target in pages and _lost(parts.fragment, pages[target]):
                broken.append(f"{where} (no such anchor)")
    return broken


def _lost(fragment: str, page: Page) -> bool:
    return unquote(fragment).split("?")[0] not in page.anchors
