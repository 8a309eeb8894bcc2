"""Which tests run: all of them, those of some pages, or one part of several.

``PAGES="ntk kan/bases"`` keeps the tests that belong to these pages. ``SHARD=2/4`` keeps the second
of four parts; ``SHARD=0/4`` what needs the whole book. A test belongs to the pages of its marker
``page``, else to the chapter among its parameters, else to the family that its module is named
for. What needs the executions of all pages has the marker ``whole``.
"""

import os
import zlib
from collections.abc import Iterable
from pathlib import Path

from book import execute, settings


def pages_of(item, every: set[str]) -> set[str]:
    """The names of the pages to which a test belongs; none for a test of the whole house."""
    if marker := item.get_closest_marker("page"):
        return set(marker.args)
    values = getattr(getattr(item, "callspec", None), "params", {}).values()
    if named := {n for n in map(_page_named, values) if n in every}:
        return named
    topic = Path(item.path).stem.removeprefix("test_").replace("_", "/", 1)
    if topic in every and "/" in topic:
        return {topic}
    family = topic.split("/")[0]
    return {name for name in every if name.split("/")[0] == family}


def _page_named(value) -> str:
    value = getattr(value, "page", value)
    if isinstance(value, Path) and value.is_relative_to(execute.CHAPTERS):
        return execute.name(value)
    return value.removeprefix("chapters/") if isinstance(value, str) else ""


def part(names: Iterable[str], parts: int) -> int:
    """The part of several, from 1, to which something belongs; another's name never moves it."""
    return zlib.crc32(min(names).encode()) % parts + 1


def shard_pages(index: int, parts: int) -> list[str]:
    """The pages of one part."""
    return [n for n in map(execute.name, execute.notebooks()) if part([n], parts) == index]


def wanted(item, every: set[str]) -> bool:
    """Whether a test is to run, by the environment's PAGES and SHARD."""
    pages, whole = pages_of(item, every), bool(item.get_closest_marker("whole"))
    if chosen := settings.pages():
        return bool(pages & set(chosen)) and not whole
    if shard := settings.shard():
        index, parts = shard
        if index == 0 or whole:
            return index == 0 and (whole or not pages)
        return bool(pages) and part(pages, parts) == index
    return True


def select(config, items: list) -> None:
    """Keep the tests that are wanted, and tell pytest of the others."""
    if not (os.environ.get("PAGES") or os.environ.get("SHARD")):
        return
    every = set(map(execute.name, execute.notebooks()))
    parts = {True: [], False: []}
    for item in items:
        parts[wanted(item, every)].append(item)
    config.hook.pytest_deselected(items=parts[False])
    items[:] = parts[True]
