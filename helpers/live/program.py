"""Programs of strided loops, which `book/_static/live.js` runs.

A program owns flat buffers. A value is a buffer seen through a layout, a torch tensor without data,
so that torch itself does the arithmetic of views. An instruction is ``[kind, place, ...]``: what it
does, the buffer that it writes, and what it reads.
"""

import base64
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

LETTERS = {torch.float64: "d", torch.float32: "f", torch.bool: "b"}
LETTERS |= dict.fromkeys([torch.int64, torch.int32, torch.int16, torch.uint8], "i")
STORED = {"b": np.int8, "h": np.int16, "l": np.int32, "f": np.float32, "d": np.float64}


class Unsupported(Exception):
    """What a page cannot run: the operation's name, and why or what to write instead."""

    def __init__(self, operation: str, why: str = "") -> None:
        super().__init__(f"{operation}: {why}")
        self.operation, self.why = operation, why


def layout(shape) -> Tensor:
    """A contiguous tensor without data, whose strides and offset count entries."""
    return torch.empty(tuple(shape), dtype=torch.float32, device="meta")


@dataclass(frozen=True)
class Place:
    """A buffer (a scalar, below 0) as an instruction names it, with offset and strides if any."""

    buffer: int
    steps: tuple[int, ...] = ()

    def numbered(self, new: dict[int, int]) -> int | list[int]:
        buffer = self.buffer if self.buffer < 0 else new[self.buffer]
        return [buffer, *self.steps] if self.steps else buffer


@dataclass(frozen=True, eq=False)
class Value:
    """Numbers that the program holds: a buffer, and the layout through which they are seen."""

    buffer: int
    layout: Tensor
    dtype: torch.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.layout.shape)

    @property
    def scalar(self) -> bool:
        return self.buffer < 0

    def seen(self, change: Callable[[Tensor], Tensor]) -> "Value":
        """The same numbers through another layout."""
        return Value(self.buffer, change(self.layout), self.dtype)

    def expanded(self, shape) -> "Value":
        return self.seen(lambda seen: seen.expand(tuple(shape)))

    def place(self) -> Place:
        """Where the numbers are, with a stride for each dimension."""
        if self.scalar:
            return Place(self.buffer)
        return Place(self.buffer, (self.layout.storage_offset(), *self.layout.stride()))


class Program:
    """Buffers, constants and instructions, as they are planned."""

    def __init__(self) -> None:
        self.buffers: list[tuple[torch.dtype, int]] = []
        self.scalars: list[float] = []
        self.constants: dict[int, Tensor] = {}
        self.code: list[list] = []
        self._known: dict[object, object] = {}

    def fresh(self, shape, dtype: torch.dtype) -> Value:
        """A new buffer.

        Raises:
            Unsupported: numbers of this type are none that a page computes with.
        """
        if dtype not in LETTERS:
            kind = str(dtype).removeprefix("torch.")
            raise Unsupported("", f"it computes with {kind}; a page has float64 and float32")
        self.buffers.append((dtype, math.prod(shape)))
        return Value(len(self.buffers) - 1, layout(shape), dtype)

    def emit(self, shape, dtype: torch.dtype, build: Callable[[Value], list[list]]) -> Value:
        """The value that instructions write into a new buffer, or an equal one made before."""
        key = (tuple(shape), dtype, repr(build(Value(10**9, layout(shape), dtype))))
        if key not in self._known:
            value = self._known[key] = self.fresh(shape, dtype)
            self.code += build(value)
        return self._known[key]

    def number(self, number: float, dtype: torch.dtype, shape=()) -> Value:
        """A number everywhere, from the pool of scalars."""
        key = repr(float(torch.tensor(number, dtype=dtype)))
        if key not in self._known:
            self.scalars.append(float(key))
            self._known[key] = -len(self.scalars)
        return Value(self._known[key], layout(()).expand(tuple(shape)), dtype)

    def constant(self, tensor: Tensor) -> Value:
        """A tensor that no input moves; a matrix and its transpose are stored once."""
        order = sorted(range(tensor.dim()), key=tensor.stride, reverse=True)
        stored = tensor.detach().permute(order)
        flat = stored.contiguous().flatten()
        if len(flat) and bool((flat == flat[0]).all()):
            return self.number(flat[0].item(), tensor.dtype, tensor.shape)
        key = (tensor.dtype, flat.numpy().tobytes())
        if key not in self._known:
            self._known[key] = self.fresh(tensor.shape, tensor.dtype).buffer
            self.constants[self._known[key]] = flat
        seen = layout(stored.shape).permute(sorted(order, key=order.__getitem__))
        return Value(self._known[key], seen, tensor.dtype)

    def map(self, name: str, shape, dtype: torch.dtype, *values: Value) -> Value:
        """An elementwise operation on values that broadcast to a shape."""
        return self.emit(shape, dtype, lambda out: [self.loop(name, out, *values)])

    def loop(self, name: str, out: Value, *values: Value) -> list:
        """The instruction that does so into a view of a buffer."""
        read = (value.expanded(out.shape).place() for value in values)
        return ["map", out.place(), name, list(out.shape), *read]

    def whole(self, value: Value) -> Value:
        """The same numbers in a buffer of their own, in their order."""
        seen = value.layout
        own = not value.scalar and self.buffers[value.buffer][1] == seen.numel()
        if own and seen.is_contiguous() and seen.storage_offset() == 0:
            return value
        return self.map("id", value.shape, value.dtype, value)

    def cast(self, value: Value, dtype: torch.dtype) -> Value:
        if value.dtype == dtype:
            return value
        rounds = value.dtype.is_floating_point and not dtype.is_floating_point
        name = "bool" if dtype == torch.bool else "trunc" if rounds else "id"
        return self.map(name, value.shape, dtype, value)

    def finished(self, inputs: dict[str, Value], outputs: list[Value]) -> dict:
        """The program as data for the page: what no output needs is left out."""
        outputs = [self.whole(value) for value in outputs]
        needed, kept = {value.buffer for value in (*outputs, *inputs.values())}, []
        for instruction in reversed(self.code):
            target, *read = places(instruction)
            if target.buffer in needed:
                needed |= {place.buffer for place in read if place.buffer >= 0}
                kept.append(instruction)
        new = {old: i for i, old in enumerate(sorted(needed))}
        constants = {b: t for b, t in self.constants.items() if b in new}
        return {
            "in": {name: new[value.buffer] for name, value in inputs.items()},
            "out": [new[value.buffer] for value in outputs],
            "buffers": [[LETTERS[self.buffers[b][0]], self.buffers[b][1]] for b in new],
            "scalars": [x if math.isfinite(x) else spelled(x) for x in self.scalars],
            "constants": [[new[b], *packed(flat)] for b, flat in constants.items()],
            "code": [_numbered(instruction, new) for instruction in reversed(kept)],
        }


def places(code: list) -> Iterator[Place]:
    """All places of an instruction; the first is the one that it writes."""
    for part in code:
        if isinstance(part, Place):
            yield part
        elif isinstance(part, list):
            yield from places(part)


def _numbered(part, new: dict[int, int]):
    if isinstance(part, Place):
        return part.numbered(new)
    return [_numbered(x, new) for x in part] if isinstance(part, list) else part


def spelled(number: float) -> str:
    """NaN and infinities as JavaScript reads them."""
    return str(number).replace("inf", "Infinity").replace("nan", "NaN")


def packed(flat: Tensor) -> tuple[str, str]:
    """Numbers in the smallest of the types that holds them exactly: (letter, base64).

    Raises:
        Unsupported: whole numbers of more than 53 bits.
    """
    array = flat.detach().numpy()
    for letter, kind in STORED.items():
        with np.errstate(all="ignore"):
            small = array.astype(kind)
            back = small.astype(array.dtype)
        if back.tobytes() == array.tobytes():
            return letter, base64.b64encode(small.tobytes()).decode()
    raise Unsupported("", "it has whole numbers of more than 53 bits")
