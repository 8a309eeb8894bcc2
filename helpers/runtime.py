"""The one source of randomness, the device, and whether the book is being built."""

import os
from typing import NamedTuple

import numpy as np
import torch


class Seeds(NamedTuple):
    """Two generators that draw from one stream."""

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
    """Random generators for one experiment, and torch's global generator set to the same stream.

    Equal streams give equal numbers, different streams independent ones; every stream changes
    with BOOK_SEED. The global generator is set because `torch.nn` modules initialise from it.

    Args:
        stream: a whole number of at least 0; each experiment of a chapter takes its own.

    Raises:
        ValueError: `stream` is negative, or BOOK_SEED is no whole number.
    """
    if stream < 0:
        raise ValueError(f"seeded(stream={stream}): a stream is a whole number of at least 0")
    sequence = np.random.SeedSequence([book_seed(), stream])
    seed = int(sequence.generate_state(1, np.uint64)[0] >> 1)
    torch.manual_seed(seed)
    return Seeds(torch.Generator().manual_seed(seed), np.random.default_rng(sequence))


def device() -> torch.device:
    """Where tensors live: BOOK_DEVICE if it is set, else a GPU if there is one, else the CPU."""
    return torch.device(
        os.environ.get("BOOK_DEVICE", "cuda" if torch.cuda.is_available() else "cpu")
    )


def recording() -> bool:
    """Whether the book is being built (BOOK_RECORD=1): sliders then record all their frames."""
    return os.environ.get("BOOK_RECORD") == "1"
