"""The NTK chapter's empirical kernel beside torch.func's full Jacobian and neural-tangents.

neural-tangents lives in an environment of its own (tests/golden/ntk.py says how to make it). Name
its interpreter in NEURAL_TANGENTS_PYTHON; without it the rows that need it are left out.
"""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn

from helpers import chapter, seeded
from tests.benchmarks.timing import milliseconds, progress, race, row

ntk = chapter("ntk")

SPEED = Path(__file__).resolve().parent.parent / "golden" / "ntk_speed.py"
ROUTES = {"structured": ntk.empirical_ntk, "naive": lambda model, x: ntk.naive_ntk(model, x, x)}
NAIVE = "torch.func, full Jacobian"
TURNS = 5


def rows() -> list[dict]:
    """All rows of this family."""
    growth = [
        beside_naive("dense", N=200),
        beside_naive("dense", outputs=20),
        beside_naive("dense", width=512),
    ]
    return [
        beside_naive("dense", target=30),
        *growth,
        beside_naive("convolutional", target=3),
        memory("convolutional", target=4),
        *beside_neural_tangents(),
    ]


def network(kind: str, width: int = 256, outputs: int = 10) -> nn.Module:
    """A dense 64-width-width-outputs network without bias, or three small convolutions."""
    seeded(1)
    if kind == "dense":
        return ntk.ntk_mlp([64, width, width, outputs], dtype=torch.float32)
    channels = [
        layer
        for a, b in ((1, 16), (16, 32), (32, 64))
        for layer in (nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2))
    ]
    return nn.Sequential(nn.Unflatten(1, (1, 8)), *channels, nn.Flatten(), nn.Linear(64, outputs))


def images(kind: str, N: int) -> Tensor:
    """Gaussian inputs: (N, 64), or (N, 8, 8) for the convolutions."""
    shape = (N, 64) if kind == "dense" else (N, 8, 8)
    return torch.randn(shape, generator=seeded(2).torch)


def title(kind: str, N: int, width: int, outputs: int) -> str:
    layers = f"64-{width}-{width}-{outputs}" if kind == "dense" else "three convolutions"
    return f"NTK: all {N} x {outputs} outputs, {layers}, float32"


def beside_naive(
    kind: str, N: int = 100, width: int = 256, outputs: int = 10, target: float | None = None
) -> dict:
    """The structured kernel and the full Jacobian's, which must agree."""
    name = title(kind, N, width, outputs)
    progress(name)
    model, x = network(kind, width, outputs), images(kind, N)
    sides = {side: partial(route, model, x) for side, route in ROUTES.items()}
    ours, theirs = (side() for side in sides.values())
    if (ours - theirs).abs().max() > 1e-5 * theirs.abs().max():
        raise ValueError(f"{name}: the two kernels differ")
    seconds = race(sides, rounds=5 if target else 2, repeats=1)
    best = {side: min(times) for side, times in seconds.items()}
    texts = milliseconds(seconds["structured"]), f"{NAIVE}: {milliseconds(seconds['naive'])}"
    return row(name, *texts, best["naive"] / best["structured"], target)


def memory(kind: str, target: float) -> dict:
    """Peak memory of both routes, each in a process of its own."""
    progress(f"NTK {kind}: memory")
    ours, theirs = (
        int(subprocess.check_output([sys.executable, "-m", __spec__.name, kind, side], text=True))
        for side in ROUTES
    )
    name = f"NTK: peak memory, {kind}, 100 samples"
    texts = f"{ours / 1e6:.0f} MB", f"{NAIVE}: {theirs / 1e6:.0f} MB"
    return row(name, *texts, theirs / ours, target)


def print_peak(kind: str, side: str) -> None:
    """Bytes by which this process grows, at most, while it computes one kernel (Linux only)."""
    model, x = network(kind), images(kind, 100)
    ROUTES[side](model, x[:2])
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the peak so far
    before = kilobytes("VmRSS")
    ROUTES[side](model, x)
    print(1024 * (kilobytes("VmHWM") - before))


def kilobytes(field: str) -> int:
    """One number of this process's /proc/self/status."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def beside_neural_tangents() -> list[dict]:
    """Our kernel and neural-tangents' three, in turns of two processes."""
    python = os.environ.get("NEURAL_TANGENTS_PYTHON")
    if not python:
        progress("NTK: set NEURAL_TANGENTS_PYTHON for the comparison with neural-tangents")
        return []
    progress("NTK: beside neural-tangents")
    model, x = network("dense"), images("dense", 100)
    ours: list[float] = []
    theirs: dict[str, list[float]] = {}
    for _ in range(TURNS):
        ours += race({"ours": partial(ntk.empirical_ntk, model, x)}, rounds=5, repeats=1)["ours"]
        report = json.loads(subprocess.check_output([python, SPEED], text=True))
        for name, times in report["times"].items():
            theirs.setdefault(name, []).append(times["cpu"]["median"])
    peer = f"neural-tangents {report['versions']['neural-tangents']}"
    return [
        row(
            title("dense", 100, 256, 10),
            milliseconds(ours),
            f"{peer}, {name.lower().replace('_', ' ')}: {milliseconds(times)}",
            median(times) / median(ours),
            1 / 1.5 if name == "STRUCTURED_DERIVATIVES" else None,
            needs="neural-tangents",
        )
        for name, times in theirs.items()
    ]


if __name__ == "__main__":
    print_peak(*sys.argv[1:])
