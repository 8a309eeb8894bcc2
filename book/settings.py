"""What the environment may ask of a build or a test: which pages, which part, which seed."""

import os
import re
import sys


def pages() -> list[str]:
    """The pages that PAGES names, such as "ntk kan/bases"; none where all are meant."""
    return os.environ.get("PAGES", "").replace(",", " ").split()


def shard() -> tuple[int, int] | None:
    """(2, 4) for SHARD=2/4, the second of four parts; (0, 4) is what needs the whole book.

    Raises:
        SystemExit: SHARD is not of this form.
    """
    text = os.environ.get("SHARD", "")
    if not text:
        return None
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if not found or not 0 <= int(found[1]) <= int(found[2]) or int(found[2]) == 0:
        sys.exit(f"SHARD is I/N, such as 1/4 (0/4 is what needs the whole book); it is {text!r}")
    return int(found[1]), int(found[2])
