"""The atlas (every paper of the book) and the chapters' sources, wherever they are installed."""

import difflib
import functools
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
INSTALLED = Path(__file__).resolve().parent / "_sources"


def source(*candidates: Path) -> Path:
    """The first of the paths that exists: the repository's own, else the wheel's copy."""
    return next((path for path in candidates if path.exists()), candidates[0])


@functools.cache
def papers() -> dict[str, dict]:
    """All rows of the atlas by key: title, chapter, tier; arxiv and year where known."""
    path = source(REPOSITORY / "book" / "atlas.yml", INSTALLED / "atlas.yml")
    return {row["key"]: row for row in yaml.safe_load(path.read_text(encoding="utf-8"))}


def paper(key: str) -> dict:
    """One row of the atlas.

    Raises:
        KeyError: no paper has this key; the message names the nearest ones.
    """
    if key not in papers():
        near = difflib.get_close_matches(key, papers(), n=3, cutoff=0.4)
        hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise KeyError(f"no paper has the key {key!r} in book/atlas.yml{hint}")
    return papers()[key]
