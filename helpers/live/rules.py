"""Lowering of what picks, places and orders numbers, and of linear algebra."""

import math
from collections.abc import Callable, Sequence

import torch

from helpers.live.lower import Call, lowers
from helpers.live.program import Place, Value


def written(call: Call, base: Value | None, *parts: tuple[Value, Callable]) -> Value:
    """A copy of `base` in which parts, each through a view, are overwritten."""

    def build(out: Value) -> list[list]:
        first = [] if base is None else [call.to.loop("id", out, base)]
        return first + [call.to.loop("id", out.seen(choose), part) for part, choose in parts]

    return call.to.emit(call.shape, call.dtype, build)


@lowers("cat")
def cat(call: Call, tensors: Sequence[Value], dim: int = 0) -> Value:
    parts, at = [], 0
    for value in tensors:
        if value.shape != (0,) or len(call.shape) == 1:
            size = value.shape[dim]
            parts.append((value, lambda out, at=at, size=size: out.narrow(dim, at, size)))
            at += size
    return written(call, None, *parts)


@lowers("slice_scatter", "select_scatter", "diagonal_scatter")
def overwritten(call: Call, self: Value, src: Value, **where) -> Value:
    view = getattr(torch.ops.aten, call.name.removesuffix("_scatter"))
    return written(call, self, (src, lambda out: view(out, **where)))


@lowers("take")
def take(call: Call, self: Value, index: Value) -> Value:
    source, at = call.to.whole(self), call.to.whole(index)
    return call.instruct("take", call.shape, Place(source.buffer), Place(at.buffer))


@lowers("put")
def put(call: Call, self: Value, index: Value, source: Value, accumulate: bool = False) -> Value:
    at, source = (Place(call.to.whole(value).buffer) for value in (index, source))

    def build(out: Value) -> list[list]:
        how = "add" if accumulate else "set"
        return [call.to.loop("id", out, self), ["put", Place(out.buffer), how, at, source]]

    return call.to.emit(call.shape, call.dtype, build)


def routine(
    call: Call, name: str, sizes: list[int], shapes: list, *values: Value, rank: int = 2
) -> list[Value]:
    """What a routine of the page gives for each of a batch of matrices (or lines, of rank 1): the
    parts of its answer, in these shapes.
    """
    batch = torch.broadcast_shapes(*(value.shape[:-rank] for value in values))
    values = [call.to.whole(v.expanded((*batch, *v.shape[-rank:]))) for v in values]
    entries, count = [math.prod(shape) for shape in shapes], math.prod(batch)
    how = (name, count, sizes, *(Place(value.buffer) for value in values))
    found = call.instruct("routine", (count, sum(entries)), *how, dtype=values[0].dtype)
    views = found.layout.split(entries, dim=1)
    views = [part.unflatten(1, shape) for part, shape in zip(views, shapes)]
    views = [view.unflatten(0, batch) if batch else view[0] for view in views]
    return [Value(found.buffer, view, found.dtype) for view in views]


@lowers("sort")
def sort(call: Call, self: Value, dim: int = -1, descending: bool = False, **_) -> list[Value]:
    """The values along a dimension in their order, and where they stood."""
    if not self.shape:
        return [self, call.to.number(0, torch.int64)]
    n, moved = self.shape[dim], self.seen(lambda seen: seen.movedim(dim, -1))
    found = routine(call, "sort", [n, int(descending)], [(n,), (n,)], moved, rank=1)
    values, order = (part.seen(lambda seen: seen.movedim(-1, dim)) for part in found)
    return [values, Value(order.buffer, order.layout, torch.int64)]


@lowers("cumsum", "cumprod")
def scan(call: Call, self: Value, dim: int, **_) -> Value:
    self = call.to.cast(self, call.dtype)
    if not self.shape:
        return self
    n, moved = self.shape[dim], self.seen(lambda seen: seen.movedim(dim, -1))
    (found,) = routine(call, call.name, [n], [(n,)], moved, rank=1)
    return found.seen(lambda seen: seen.movedim(-1, dim))


def transposed(value: Value) -> Value:
    return value.seen(lambda seen: seen.mT)


@lowers("_linalg_eigh")
def eigh(call: Call, A: Value, **_) -> list[Value]:
    n = A.shape[-1]
    return routine(call, "eigh", [n], [(n,), (n, n)], A)


@lowers("_linalg_svd")
def svd(call: Call, A: Value, full_matrices: bool = False, **_) -> list[Value]:
    m, n = A.shape[-2:]
    if full_matrices and m != n:
        raise call.refuse("it has full matrices; say full_matrices=False")
    wide, (m, n) = m < n, (max(m, n), min(m, n))
    tall = transposed(A) if wide else A
    U, S, V = routine(call, "svd", [m, n], [(m, n), (n,), (n, n)], tall)
    return [V, S, transposed(U)] if wide else [U, S, transposed(V)]


@lowers("linalg_qr")
def qr(call: Call, A: Value, mode: str = "reduced") -> list[Value]:
    m, n = A.shape[-2:]
    if mode != "reduced" or m < n:
        raise call.refuse("it is of a wide matrix, or not mode='reduced'")
    return routine(call, "qr", [m, n], [(m, n), (n, n)], A)


@lowers("linalg_cholesky_ex")
def cholesky(call: Call, self: Value, upper: bool = False, **_) -> list[Value | None]:
    n = self.shape[-1]
    (L,) = routine(call, "cholesky", [n], [(n, n)], self)
    return [transposed(L) if upper else L, None]


@lowers("linalg_lu_factor_ex")
def lu_factor(call: Call, A: Value, **_) -> list[Value | None]:
    n = A.shape[-1]
    return [*routine(call, "lu", [n], [(n, n), (n,)], A), None]


@lowers("_linalg_solve_ex")
def solve(call: Call, A: Value, B: Value, left: bool = True, **_) -> list[Value | None]:
    if not left:
        raise call.refuse("it solves from the right; transpose both sides")
    vector = len(B.shape) == 1 or B.shape == A.shape[:-1]
    B = B.seen(lambda seen: seen.unsqueeze(-1)) if vector else B
    n, m = B.shape[-2:]
    (x,) = routine(call, "solve", [n, m], [(n, m)], A, B)
    x = x.seen(lambda seen: seen.squeeze(-1)) if vector else x
    return [x, *lu_factor(call, A)]


@lowers("linalg_lu_solve")
def lu_solve(call: Call, LU: Value, pivots: Value, B: Value, left=True, adjoint=False) -> Value:
    if not left or adjoint:
        raise call.refuse("it solves from the right, or with the adjoint")
    n, m = B.shape[-2:]
    pivots = pivots.seen(lambda seen: seen.unsqueeze(-1))
    return routine(call, "lu_solve", [n, m], [(n, m)], LU, pivots, B)[0]


@lowers("linalg_solve_triangular")
def solve_triangular(call: Call, self: Value, B: Value, upper, left=True, unitriangular=False):
    A, B = (self, B) if left else (transposed(self), transposed(B))
    n, m = B.shape[-2:]
    sizes = [n, m, int(upper == left), int(unitriangular)]
    (x,) = routine(call, "triangular", sizes, [(n, m)], A, B)
    return x if left else transposed(x)


@lowers("_linalg_check_errors")
def unchecked(call: Call, **_) -> None:
    """For a singular matrix torch raises, and a page computes NaN or infinity."""
