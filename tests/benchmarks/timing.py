"""What the benchmarks share: interleaved timing, rows of the report, progress on stderr.

All times are CPU times of this process. With one thread they are those of a clock on the wall, but
leave out what other programs take while the benchmark waits for its turn.
"""

import sys
from collections.abc import Callable
from statistics import median
from time import process_time


def progress(text: str) -> None:
    """Say on stderr what is being measured."""
    print(text, file=sys.stderr, flush=True)


def race(sides: dict[str, Callable], rounds: int, repeats: int) -> dict[str, list[float]]:
    """CPU seconds a call of each side, one number a round.

    The sides take turns (A B A B ...), so that a change of the machine's load meets all of them.

    Args:
        sides: functions without arguments; each is called once before the clock starts.
        rounds: turns of each side.
        repeats: calls in one turn.
    """
    for call in sides.values():
        call()
    seconds = {name: [] for name in sides}
    for _ in range(rounds):
        for name, call in sides.items():
            start = process_time()
            for _ in range(repeats):
                call()
            seconds[name].append((process_time() - start) / repeats)
    return seconds


def milliseconds(seconds: list[float]) -> str:
    """The best and the median of several times, e.g. "0.60 ms (median 0.62)"."""
    return f"{1e3 * min(seconds):.3g} ms (median {1e3 * median(seconds):.3g})"


def row(
    task: str, ours: str, peer: str, ratio: float, target: float | None, needs: str = ""
) -> dict:
    """One row of the report.

    Args:
        ratio: the peer's time over ours.
        target: the ratio's least, None where either side may win.
        needs: the optional peer without which the row cannot be measured.
    """
    found = {"task": task, "ours": ours, "peer": peer, "target": target, "needs": needs}
    return found | {"ratio": round(ratio, 2)}
