"""A torch function as a flat graph of ATen operations.

It is traced twice: plainly, which dissolves autograd, `torch.func` and modules, then functionalised
and decomposed, with its constants as further inputs.
"""

import linecache
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, fx
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._python_dispatch import TorchDispatchMode

from helpers.live import decompose
from helpers.live.program import Unsupported

HERE = Path(__file__).resolve().parent


@dataclass
class Graph:
    """A traced function.

    Attributes:
        module: the graph, runnable on `values` followed by `constants`.
        names: those of the inputs, in their order.
        values: what the inputs were when it was traced.
        constants: the tensors that it closes over.
    """

    module: fx.GraphModule
    names: list[str]
    values: list[Tensor]
    constants: list[Tensor]

    def __call__(self, inputs: dict[str, Tensor]) -> list[Tensor]:
        with torch.no_grad():
            return self.module(*inputs.values(), *self.constants)

    @property
    def idle(self) -> list[str]:
        """The inputs on which nothing depends."""
        nodes = [node for node in self.module.graph.nodes if node.op == "placeholder"]
        return [name for name, node in zip(self.names, nodes) if not node.users]


def trace(f: Callable[..., list[Tensor]], inputs: dict[str, Tensor]) -> Graph:
    """The graph of a function that returns a list of tensors, at inputs of these shapes.

    Raises:
        Unsupported: it draws random numbers.
        Exception: what torch says of a step that depends on values.
    """
    names, values = list(inputs), [value.detach().clone() for value in inputs.values()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = make_fx(lambda *given: tuple(f(**dict(zip(names, given)))))(*values)
        refuse_random(plain)
        constants = lift_constants(plain)
        whole = torch.func.functionalize(plain)
        with torch.no_grad():
            module = make_fx(whole, decomposition_table=decompose.table())(*values, *constants)
    module.graph.eliminate_dead_code()
    module.recompile()
    return Graph(module, names, values, constants)


def refuse_random(module: fx.GraphModule) -> None:
    for node in module.graph.nodes:
        if torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ()):
            why = "it draws random numbers; draw them once, outside the function"
            raise Unsupported(operation(node), why)


def lift_constants(module: fx.GraphModule) -> list[Tensor]:
    """Turn the tensors that a graph closes over into inputs, where functionalisation sees them."""
    graph, lifted, constants = module.graph, {}, []
    last = [node for node in graph.nodes if node.op == "placeholder"][-1]
    for node in list(graph.nodes):
        if node.op != "get_attr":
            continue
        if node.target not in lifted:
            with graph.inserting_after(last):
                last = lifted[node.target] = graph.placeholder(f"constant_{len(constants)}")
            constants.append(getattr(module, node.target).detach())
        node.replace_all_uses_with(lifted[node.target])
        graph.erase_node(node)
    module.recompile()
    return constants


def operation(node: fx.Node) -> str:
    """The ATen name of a node's operation, without its overload."""
    return node.target._schema.name.split("::")[1]


def author_line(frames: list) -> str:
    """The innermost line that is neither ours nor a library's: 'page.md:12: y = x.item()'."""
    for frame in reversed(frames):
        path = frame.filename
        if "site-packages" in path or Path(path).parent == HERE or path.startswith("<frozen"):
            continue
        line = (frame.line or linecache.getline(path, frame.lineno)).strip()
        return f"{Path(path).name}:{frame.lineno}: {line}"
    return ""


def line_of(name: str, f: Callable, inputs: dict[str, Tensor]) -> str:
    """The author's line that calls an operation, '' for one inside a derivative."""

    class Found(Exception):
        pass

    class Stop(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            if function._schema.name.split("::")[1] == name:
                raise Found
            return function(*args, **(kwargs or {}))

    try:
        with Stop():
            f(**inputs)
    except Found as found:
        return author_line(traceback.extract_tb(found.__traceback__))
    except Exception:  # what goes wrong in it was said before, or is said elsewhere
        return ""
    return ""
