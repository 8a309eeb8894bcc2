"""From a graph of ATen operations to a program: elementwise operations, views and reductions.

Each operation is lowered by a function under its name in `RULES`, which takes the `Call` and the
operation's arguments by their names in ATen's schema.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, fx

from helpers.live.program import Place, Program, Unsupported, Value
from helpers.live.trace import Graph, operation

UNARY = """
abs acos acosh asin asinh atan atanh ceil cos cosh erf erfc exp exp2 expm1 floor isinf isnan log
log10 log1p log2 neg reciprocal relu round rsqrt sigmoid sign sin sinh sqrt tan tanh trunc
"""
BINARY = """
add atan2 copysign div div_floor div_trunc eq fmax fmin fmod ge gt hypot le lt maximum minimum
mul ne pow remainder sub
"""
VIEWS = """
alias chunk detach diagonal expand lift lift_fresh lift_fresh_copy permute select slice split
split_with_sizes squeeze t transpose unbind unfold unsqueeze view
"""
OTHER_NAMES = {"bitwise_not": "not", "logical_not": "not", "clone": "id", "sgn": "sign"}
OTHER_NAMES |= {"bitwise_and": "and", "logical_and": "and", "bitwise_or": "or", "logical_or": "or"}
OTHER_NAMES |= {"bitwise_xor": "ne", "logical_xor": "ne", "floor_divide": "div_floor"}
ELEMENTWISE = {name: name for name in (UNARY + BINARY).split()} | OTHER_NAMES
FOLDS = {"sum": "sum", "prod": "prod", "amax": "max", "amin": "min"}
RULES: dict[str, Callable] = {}


@dataclass
class Call:
    """An operation to lower: where to, and what torch found it to give."""

    to: Program
    node: fx.Node
    out: object

    @property
    def name(self) -> str:
        return operation(self.node)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.out.shape)

    @property
    def dtype(self) -> torch.dtype:
        return self.out.dtype

    def value(self, given, dtype: torch.dtype | None = None) -> Value:
        """A value, or a Python number as one."""
        if isinstance(given, Value):
            return given
        return self.to.number(given, dtype or self.dtype)

    def instruct(self, kind: str, shape, *rest, dtype: torch.dtype | None = None) -> Value:
        """What one instruction writes into a new buffer."""
        build = lambda out: [[kind, Place(out.buffer), *rest]]  # noqa: E731
        return self.to.emit(shape, dtype or self.dtype, build)

    def refuse(self, why: str) -> Unsupported:
        return Unsupported(self.name, why)


def lowers(*names: str) -> Callable:
    """Register a function as the rule for these operations."""

    def register(rule: Callable) -> Callable:
        RULES.update(dict.fromkeys(names, rule))
        return rule

    return register


def lower(graph: Graph) -> dict:
    """A graph as a program for the page.

    Raises:
        Unsupported: an operation that a page cannot run.
    """
    program, inputs, outputs = Program(), {}, []
    known = folded(graph)
    env: dict[fx.Node, object] = {}

    def get(node: fx.Node):
        if node in known:
            found = known[node]
            return program.constant(found) if isinstance(found, Tensor) else found
        return env[node]

    for node in graph.module.graph.nodes:
        if node in known or (node.op == "call_function" and not node.users):
            continue
        if node.op == "placeholder":
            name, value = graph.names[len(inputs)], graph.values[len(inputs)]
            env[node] = inputs[name] = program.fresh(value.shape, value.dtype)
        elif node.op == "output":
            outputs = [get(out) for out in node.args[0]]
        else:
            try:
                env[node] = lower_node(program, node, get)
            except Unsupported as error:
                raise Unsupported(error.operation or operation(node), error.why) from None
    return program.finished(inputs, outputs)


def folded(graph: Graph) -> dict[fx.Node, object]:
    """What depends on no input, computed by torch."""
    known, constants = {}, iter(graph.constants)
    nodes = list(graph.module.graph.nodes)
    placeholders = [node for node in nodes if node.op == "placeholder"]
    for node in placeholders[len(graph.values) :]:
        known[node] = next(constants)
    for node in nodes:
        if node.op == "get_attr":
            known[node] = getattr(graph.module, node.target)
        if node.op == "call_function" and all(n in known for n in node.all_input_nodes):
            args, kwargs = fx.map_arg((node.args, node.kwargs), known.__getitem__)
            with torch.no_grad():
                known[node] = node.target(*args, **kwargs)
    return known


def lower_node(program: Program, node: fx.Node, get: Callable):
    args, kwargs = fx.map_arg((node.args, dict(node.kwargs)), get)
    if node.target is operator.getitem:
        return args[0][args[1]]
    call = Call(program, node, node.meta.get("val"))
    schema = node.target._schema.arguments
    given = {a.name: a.default_value for a in schema if a.has_default_value()}
    given |= {argument.name: value for argument, value in zip(schema, args)} | kwargs
    name = call.name
    if name == "div" and given.get("rounding_mode"):
        name = f"div_{given['rounding_mode']}"
    if name in RULES:
        return RULES[name](call, **given)
    if name in ELEMENTWISE:
        operands = args[:2] if "other" in given or "exponent" in given else args[:1]
        return elementwise(call, ELEMENTWISE[name], *operands, alpha=given.get("alpha", 1))
    if name in VIEWS.split():
        return view(call, args[0], *args[1:], **kwargs)
    if name in FOLDS:
        return reduced(call, **given)
    raise Unsupported(name)


def elementwise(call: Call, name: str, *given, alpha: float = 1) -> Value:
    """One or two operands, in the type to which torch promotes them."""
    if len(given) == 1:
        return call.to.map(name, call.shape, call.dtype, *given)
    empty = [
        torch.empty((0,) * min(1, len(x.shape)), dtype=x.dtype) if isinstance(x, Value) else x
        for x in given
    ]
    common = torch.result_type(*empty)
    if name == "div" and not common.is_floating_point:
        common = torch.get_default_dtype()
    left, right = (call.value(x, common) for x in given)
    if call.name.startswith("logical"):
        left, right = (call.to.cast(value, torch.bool) for value in (left, right))
    if alpha != 1:
        right = call.to.map("mul", right.shape, common, right, call.to.number(alpha, common))
    return call.to.map(name, call.shape, call.dtype, left, right)


def view(call: Call, value: Value, *rest, **named):
    """What only looks at the same numbers in another way; torch changes the layout."""

    def change(seen: Tensor):
        return call.node.target(seen, *rest, **named)

    if isinstance(call.out, list | tuple):
        return [Value(value.buffer, part, value.dtype) for part in change(value.layout)]
    try:
        return value.seen(change)
    except RuntimeError:  # no view of these strides
        return call.to.whole(value).seen(change)


@lowers("_unsafe_view", "reshape", "_reshape_alias")
def reshape(call: Call, self: Value, **_) -> Value:
    try:
        return self.seen(lambda seen: seen.view(call.shape))
    except RuntimeError:
        return call.to.whole(self).seen(lambda seen: seen.view(call.shape))


def reduced(call: Call, self: Value, dim=None, **_) -> Value:
    """A reduction over some dimensions, all of them for none."""
    n = len(self.shape)
    dims = [dim] if isinstance(dim, int) else list(dim or range(n))
    gone = sorted({dim % n for dim in dims if n})
    kept = [dim for dim in range(n) if dim not in gone]
    outer, inner = ([self.shape[d] for d in dims] for dims in (kept, gone))
    place = self.seen(lambda seen: seen.permute(kept + gone)).place()
    value = call.instruct("fold", outer, FOLDS[call.name], outer, inner, place)
    return value.seen(lambda seen: seen.view(call.shape))


@lowers("where")
def where(call: Call, condition: Value, self, other) -> Value:
    left, right = call.value(self), call.value(other)
    return call.to.map("where", call.shape, call.dtype, condition, left, right)


@lowers("_to_copy", "copy")
def converted(call: Call, self: Value, src: Value | None = None, **_) -> Value:
    return call.to.cast(self if src is None else src.expanded(call.shape), call.dtype)


@lowers("bmm", "mm")
def matmul(call: Call, self: Value, mat2: Value, **_) -> Value:
    left, right = (call.to.whole(v) if v.scalar else v for v in (self, mat2))
    batch, m, n = (1,) * (3 - len(call.shape)) + call.shape
    if call.name == "mm":
        left, right = (v.seen(lambda seen: seen[None]) for v in (left, right))
    sizes = [batch, m, left.shape[-1], n]
    return call.instruct("matmul", call.shape, sizes, left.place(), right.place())
