"""Picking and placing as flat places: what `take` and `put` are given."""

import torch
from torch import Tensor

from helpers.live.program import Unsupported

aten = torch.ops.aten
MASK = "how many numbers a mask leaves depends on the data; use torch.where(mask, x, math.nan)"


def position(shape, indices) -> Tensor:
    """Where ``x[indices]`` looks in ``x.flatten()``.

    Raises:
        Unsupported: an index is a mask.
    """
    used = [d for d, index in enumerate(indices) if index is not None]
    if any(indices[d].dtype in (torch.bool, torch.uint8) for d in used):
        raise Unsupported("index", MASK)
    steps = torch.empty(shape, device="meta").stride()
    counted = {d: torch.where(indices[d] < 0, indices[d] + shape[d], indices[d]) for d in used}
    block = sum(counted[d] * steps[d] for d in used)
    free = [d for d in range(len(shape)) if d not in used]
    lead = used[0] if used == list(range(used[0], used[-1] + 1)) else 0
    found = block[(None,) * lead + (...,) + (None,) * (len(free) - lead)]
    for i, d in enumerate(free):
        axis = i if i < lead else i + block.dim()
        ramp = [-1 if other == axis else 1 for other in range(found.dim())]
        found = found + (torch.arange(shape[d]) * steps[d]).view(ramp)
    return found


def along(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """Where ``x.gather(dim, index)`` looks in ``x.flatten()``."""
    if not x.dim():
        return 0 * index
    ranges = [
        torch.arange(n).view(-1, *[1] * (index.dim() - d - 1)) for d, n in enumerate(index.shape)
    ]
    return position(x.shape, [index if d == dim % x.dim() else r for d, r in enumerate(ranges)])


def index(x: Tensor, indices) -> Tensor:
    return torch.take(x, position(x.shape, indices))


def index_put(x: Tensor, indices, values: Tensor, accumulate=False, unsafe=False) -> Tensor:
    at = position(x.shape, indices)
    return aten.put(x, at, values.expand(at.shape), accumulate)


def scatter(x: Tensor, dim: int, index: Tensor, source, add=False) -> Tensor:
    if isinstance(source, Tensor) and source.dim():
        source = source[tuple(slice(n) for n in index.shape)]
    source = torch.as_tensor(source, dtype=x.dtype).expand(index.shape)
    return aten.put(x, along(x, dim, index), source, add)


def index_select(x: Tensor, dim: int, at: Tensor) -> Tensor:
    return index(x, [None] * (dim % x.dim()) + [at]) if x.dim() else x


def flip(x: Tensor, dims) -> Tensor:
    for dim in dims if x.dim() else ():
        x = index_select(x, dim, torch.arange(x.shape[dim] - 1, -1, -1))
    return x


def pad(x: Tensor, pad, value=0.0) -> Tensor:
    for i in range(len(pad) // 2):
        dim = x.dim() - 1 - i
        shape = [
            [n if d == dim else size for d, size in enumerate(x.shape)] for n in pad[2 * i :][:2]
        ]
        before, after = (x.new_full(s, value) if min(s) >= 0 else None for s in shape)
        start, end = max(0, -pad[2 * i]), x.shape[dim] - max(0, -pad[2 * i + 1])
        parts = (before, x.narrow(dim, start, end - start), after)
        x = torch.cat([part for part in parts if part is not None], dim)
    return x
