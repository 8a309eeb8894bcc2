"""GPFQ in Gram form beside the walk; products of int8 and of packed signs beside float32.

The walk takes one column a step, for all neurons and samples at once, in two versions: as its
authors publish it, with the outer products of each step formed and then added, and with updates
in place by BLAS, which is the most that we could make of it. Integer products are those of
`torch._int_mm`, which uses the processor's int8 instructions where it has them; the ratio is worth
as much as the processor that the report names. Products of signs are those of the page on binary
networks: 64 signs a word, exclusive or and population count by NumPy.
"""

import tracemalloc
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor

from helpers import chapter, seeded
from tests.benchmarks.timing import milliseconds, progress, race, row

quantization = chapter("quantization")
binary = chapter("quantization/binary")

TURNS = 5


def rows() -> list[dict]:
    """All rows of this family."""
    return [
        feedback("as published", 2048, 512, 256, target=10),
        feedback("in place", 2048, 512, 256),
        feedback("in place", 128, 512, 256),
        product(1024, 1024, 1024),
        layer(1024, 1024, 1024),
        layer(64, 64, 64),
        packed(1, 8192, 8192),
        packed(64, 1024, 1024),
        packed(1024, 1024, 1024),
    ]


def published(W: Tensor, X: Tensor, Xq: Tensor, grid: Callable[[Tensor], Tensor]) -> Tensor:
    """GPFQ with the error u of all neurons and samples: W (n, d), X and Xq (m, d) -> (n, d)."""
    u, Q = W.new_zeros(len(W), len(X)), torch.zeros_like(W)
    for t in range(W.shape[1]):
        u += W[:, t, None] * X[:, t]
        Q[:, t] = grid((u @ Xq[:, t] / Xq[:, t].square().sum())[:, None])[:, 0]
        u -= Q[:, t, None] * Xq[:, t]
    return Q


def in_place(W: Tensor, X: Tensor, Xq: Tensor, grid: Callable[[Tensor], Tensor]) -> Tensor:
    """The same, with contiguous columns and rank-one updates in place."""
    X, Xq, w = X.T.contiguous(), Xq.T.contiguous(), W.T.contiguous()
    sizes = Xq.square().sum(1)
    u, Q = W.new_zeros(len(W), X.shape[1]), torch.zeros_like(w)
    for t in range(len(w)):
        u.addr_(w[t], X[t])
        Q[t] = grid((u @ Xq[t] / sizes[t])[:, None])[:, 0]
        u.addr_(Q[t], Xq[t], alpha=-1)
    return Q.T


WALKS = {"as published": published, "in place": in_place}


def feedback(which: str, m: int, d: int, n: int, target: float | None = None) -> dict:
    """m samples, d weights a neuron, n neurons; 4 bits, one scale a neuron, float32."""
    progress(f"GPFQ {m} x {d} x {n}, walk {which}")
    draw, walk = seeded(1).torch, WALKS[which]
    X, W = (torch.randn(size, d, generator=draw) for size in (m, n))
    Xq = X + 0.1 * torch.randn(m, d, generator=draw)
    exact = [part.double() for part in (W, X, Xq)]
    fine = quantization.calibrate(exact[0], 4)
    if not torch.equal(quantization.gpfq(*exact, fine), walk(*exact, fine)):
        raise ValueError("the Gram form and the walk choose different levels")
    grid = quantization.calibrate(W, 4)
    sides = {
        "gram": lambda: quantization.gpfq(W, X, Xq, grid),
        "walk": lambda: walk(W, X, Xq, grid),
    }
    times = race(sides, TURNS, 1)
    ratio = median(times["walk"]) / median(times["gram"])
    name = f"Quantisation: GPFQ, {m} samples, {d} inputs, {n} neurons, 4 bits"
    ours, peer = (milliseconds(times[side]) for side in ("gram", "walk"))
    return row(name, f"Gram form: {ours}", f"walk, {which}: {peer}", ratio, target)


def codes(shape: tuple[int, int], stream: int) -> Tensor:
    """Random whole numbers from -127 to 127, int8."""
    draw = seeded(stream).torch
    return torch.randint(-127, 128, shape, generator=draw, dtype=torch.int32).to(torch.int8)


def kilobytes(*tensors: Tensor) -> str:
    return f"{sum(t.numel() * t.element_size() for t in tensors) / 1024:,.0f} kB"


def product(m: int, d: int, n: int) -> dict:
    """The bare matrix product, operands in place."""
    progress(f"int8 product {m} x {d} x {n}")
    a, b = codes((m, d), 2), codes((n, d), 3).T
    x, y = a.float(), b.float()
    if not torch.equal(torch._int_mm(a, b).double(), a.double() @ b.double()):
        raise ValueError("the integer product is not exact")
    times = race({"int8": lambda: torch._int_mm(a, b), "float": lambda: x @ y}, TURNS, 5)
    ratio = median(times["float"]) / median(times["int8"])
    ours = f"int8: {milliseconds(times['int8'])}, operands {kilobytes(a, b)}"
    peer = f"float32: {milliseconds(times['float'])}, operands {kilobytes(x, y)}"
    return row(f"Quantisation: product of {m} x {d} by {d} x {n}", ours, peer, ratio, None)


def layer(m: int, d: int, n: int) -> dict:
    """A linear layer on float inputs: rounding them and scaling the result is part of the time."""
    progress(f"int8 layer {m} x {d} x {n}")
    draw = seeded(4).torch
    x, W = torch.randn(m, d, generator=draw), torch.randn(n, d, generator=draw) / d**0.5
    inputs = quantization.calibrate(quantization.rows(x, "tensor"), 8)
    weights = quantization.calibrate(W, 8)
    stored = quantization.to_integers(W, weights).to(torch.int8).T
    scale = (inputs.scale * weights.scale).T

    def whole() -> Tensor:
        q = quantization.to_integers(x, inputs).to(torch.int8)
        return torch._int_mm(q, stored) * scale

    wanted = torch.nn.functional.linear(inputs(x).double(), weights(W).double())
    if not torch.allclose(whole().double(), wanted, rtol=1e-5, atol=1e-5):
        raise ValueError("the integer layer is not that of the rounded numbers")
    sides = {"int8": whole, "float": lambda: torch.nn.functional.linear(x, W)}
    times = race(sides, TURNS, 5)
    ratio = median(times["float"]) / median(times["int8"])
    ours = f"int8: {milliseconds(times['int8'])}, weights {kilobytes(stored, scale)}"
    peer = f"float32: {milliseconds(times['float'])}, weights {kilobytes(W)}"
    return row(f"Quantisation: layer {d} to {n} on {m} float inputs", ours, peer, ratio, None)


def peak(call: Callable) -> str:
    """The most memory that NumPy holds during a call, its result included."""
    tracemalloc.start()
    call()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return f"{most / 1024:,.0f} kB"


def packed(m: int, d: int, n: int) -> dict:
    """Signs (m, d) times signs (n, d), packed beforehand, beside the same numbers as floats."""
    progress(f"packed product {m} x {d} x {n}")
    draw = seeded(5).torch
    X, W = (binary.sign(torch.randn(size, d, generator=draw)) for size in (m, n))
    A, B = binary.pack(X.numpy()), binary.pack(W.numpy())
    sides = {"bits": lambda: binary.xnor_product(A, B, d), "float": lambda: X @ W.T}
    if not (sides["bits"]() == sides["float"]().numpy()).all():
        raise ValueError("the packed product is not the float product of signs")
    times = race(sides, TURNS, 5 if m < 512 else 1)
    ratio = median(times["float"]) / median(times["bits"])
    words, result = f"weights {B.nbytes / 1024:,.0f} kB", f"result {4 * m * n / 1024:,.0f} kB"
    ours = f"packed: {milliseconds(times['bits'])}, {words}, at work {peak(sides['bits'])}"
    peer = f"float32: {milliseconds(times['float'])}, weights {kilobytes(W)}, {result}"
    return row(f"Quantisation: signs, {m} x {d} by {d} x {n}", ours, peer, ratio, None)
