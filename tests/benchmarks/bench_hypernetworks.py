"""The hypernetworks chapter's batched targets beside hypnettorch and hyperlight.

All sides generate 32 targets 16-64-64-4 from conditions of 8 numbers with a trunk 64-64, run each
on 64 samples of its own, and go back to the hypernetwork's parameters. The peers take the
conditions one by one. Equal weights are copied in, and outputs and gradients must agree.
"""

from collections.abc import Callable
from importlib.metadata import version

import torch
from hyperlight import HyperNet, hypernetize
from hypnettorch.hnets import HMLP
from hypnettorch.mnets import MLP
from torch import Tensor, nn

from helpers import chapter, seeded
from tests.benchmarks.timing import milliseconds, progress, race, row

hyper = chapter("hypernetworks")

SIZES = (16, 64, 64, 4)
TRUNK = (64, 64)
CONDITIONS, NUMBERS, SAMPLES = 32, 8, 64

Side = tuple[Callable[[], Tensor], list[nn.Parameter]]  # outputs (C, B, out), trunk and head


def rows() -> list[dict]:
    """All rows of this family."""
    draw = seeded(1).torch
    net = hyper.hyperfan_(hyper.HyperNetwork(NUMBERS, TRUNK, SIZES), 1.0, draw)
    e = torch.randn(CONDITIONS, NUMBERS, generator=draw)
    x = torch.randn(CONDITIONS, SAMPLES, SIZES[0], generator=draw)
    ours = (lambda: hyper.target(x, net(e), SIZES)), list(net.parameters())
    return [
        beside("hypnettorch", ours, hypnettorch_side(net, e, x)),
        beside("hyperlight", ours, hyperlight_side(net, e, x)),
    ]


def copy_(parameters: list[nn.Parameter], values: list[Tensor]) -> list[nn.Parameter]:
    """The parameters, holding the values in that order."""
    with torch.no_grad():
        for p, value in zip(parameters, values, strict=True):
            p.copy_(value)
    return parameters


def hypnettorch_side(net: nn.Module, e: Tensor, x: Tensor) -> Side:
    """hypnettorch's HMLP, all conditions in one call, and its MLP, called for each."""
    main = MLP(SIZES[0], SIZES[-1], list(SIZES[1:-1]), no_weights=True, verbose=False)
    written = HMLP(
        main.param_shapes,
        uncond_in_size=NUMBERS,
        cond_in_size=0,
        layers=list(TRUNK),
        no_cond_weights=True,
        verbose=False,
    )

    def run() -> Tensor:
        weights = written.forward(uncond_input=e, ret_format="sequential")
        return torch.stack([main.forward(a, weights=w) for a, w in zip(x, weights)])

    return run, copy_(list(written.parameters()), list(net.parameters()))


def hyperlight_side(net: nn.Module, e: Tensor, x: Tensor) -> Side:
    """hyperlight's HyperNet with plain inputs, and a hypernetized nn.Sequential, both for each."""
    linears = [nn.Linear(a, b) for a, b in zip(SIZES, SIZES[1:])]
    main = nn.Sequential(linears[0], nn.ReLU(), linears[1], nn.ReLU(), linears[2])
    main = hypernetize(main, modules=linears)
    written = HyperNet(
        input_shapes={"e": (NUMBERS,)},
        output_shapes=main.external_shapes(),
        hidden_sizes=list(TRUNK),
        encoding=None,
        fc_kws={"nonlinearity": "ReLU"},
    )

    def run() -> Tensor:
        outputs = []
        for a, condition in zip(x, e):
            with main.using_externals(written(e=condition)):
                outputs.append(main(a))
        return torch.stack(outputs)

    return run, copy_(list(written.parameters()), list(net.parameters()))


def beside(name: str, ours: Side, theirs: Side) -> dict:
    """One row, after a check that both compute the same outputs and gradients."""
    progress(f"hypernetworks beside {name}")
    results = []
    for run, parameters in (ours, theirs):
        outputs = run()
        gradients = torch.autograd.grad(outputs.square().mean(), parameters)
        results.append([outputs, *gradients])
    for a, b in zip(*results, strict=True):
        if a.shape != b.shape or (a - b).abs().max() > 1e-5 * b.abs().max():
            raise ValueError(f"{name}: outputs or gradients differ at equal weights")

    def round_trip(side: Side) -> Callable[[], None]:
        run, parameters = side
        return lambda: torch.autograd.grad(run().square().mean(), parameters)

    seconds = race({"ours": round_trip(ours), "theirs": round_trip(theirs)}, rounds=40, repeats=5)
    return row(
        "Hypernetworks: 32 conditions, 16-64-64-4 target, 64 samples each, forward and backward",
        milliseconds(seconds["ours"]),
        f"{name} {version(name)}: {milliseconds(seconds['theirs'])}",
        min(seconds["theirs"]) / min(seconds["ours"]),
        3,
    )
