"""The one source of randomness, and whether the book is being built."""

import os
from numbers import Integral
from typing import NamedTuple

import numpy as np
import torch


class Seeds(NamedTuple):
    """Two generators, independent of each other and of torch's global one."""

    torch: torch.Generator
    numpy: np.random.Generator


def book_seed() -> int:
    """The environment variable BOOK_SEED (0 where it is not set).

    Raises:
        ValueError: BOOK_SEED is not a whole number of at least 0.
    """
    text = os.environ.get("BOOK_SEED", "0")
    if not text.isdecimal():
        raise ValueError(f"BOOK_SEED must be a whole number such as 7; it is {text!r}")
    return int(text)


def seeded(stream: int = 0) -> Seeds:
    """Three independent streams for one experiment: two generators, and torch's global one.

    Equal streams give equal numbers, different streams independent ones; every stream changes
    with BOOK_SEED. The global generator is seeded because `torch.nn` modules initialise from it,
    with a stream of its own: weights drawn there share no bits with data drawn from the others.

    Args:
        stream: a whole number of at least 0; each experiment of a chapter takes its own.

    Raises:
        ValueError: `stream` is no whole number of at least 0, or BOOK_SEED is none.
    """
    if not isinstance(stream, Integral) or stream < 0:
        raise ValueError(f"seeded(stream={stream}): a stream is a whole number of at least 0")
    ours, numpy, everywhere = np.random.SeedSequence([book_seed(), int(stream)]).spawn(3)
    torch.manual_seed(_number(everywhere))
    return Seeds(torch.Generator().manual_seed(_number(ours)), np.random.default_rng(numpy))


def _number(sequence: np.random.SeedSequence) -> int:
    return int(sequence.generate_state(1, np.uint64)[0] >> 1)


def recording() -> bool:
    """Whether the book is being built (BOOK_RECORD=1): sliders then record all their frames."""
    return os.environ.get("BOOK_RECORD") == "1"
