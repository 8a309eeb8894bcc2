"""What the environment may ask of a command, and how a command ends."""

import functools
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

CONFIG = Path(__file__).resolve().parent.parent / "_config.yml"


def repository() -> str:
    """The address of the book's repository, from `_config.yml`; '' where it has none."""
    import yaml  # a build with nothing to do needs no YAML

    return yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["repository"]["url"] or ""


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


def command(main: Callable[[], int]) -> Callable[[], int]:
    """End an interrupted or forbidden command with one sentence."""

    @functools.wraps(main)
    def run() -> int:
        try:
            return main()
        except KeyboardInterrupt:
            print("\nInterrupted; what is done is kept: run it again to go on.", file=sys.stderr)
            return 130
        except PermissionError as error:
            print(f"{error.filename} cannot be written: {error.strerror}", file=sys.stderr)
            return 1

    return run
