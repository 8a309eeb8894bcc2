"""A fixed piece of work, so that a page's execution time can be stated for one machine.

The work takes `REFERENCE` CPU seconds on the reference machine (one core of an AMD EPYC server of
2026, the one of the benchmarks; estimated there from the times of 26 pages). It is timed again and
again beside a page: the page's seconds times `REFERENCE` over the mean of these times are its
seconds there. The three parts are what pages do most: many small tensors, linear algebra, drawing.
"""

import io
from time import process_time

import torch
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

REFERENCE = 0.1


def seconds() -> float:
    """CPU seconds that the fixed piece of work takes in this process."""
    start = process_time()
    _small_tensors()
    _linear_algebra()
    _drawing()
    return process_time() - start


def _small_tensors() -> None:
    x = torch.ones(64, 16)
    for _ in range(3500):
        x = torch.tanh(x * 0.5 + 0.1)


def _linear_algebra() -> None:
    A = torch.linspace(0, 1, 120 * 120, dtype=torch.float64).reshape(120, 120)
    A = A @ A.T + torch.eye(120, dtype=torch.float64)
    for _ in range(20):
        torch.linalg.eigh(A)


def _drawing() -> None:
    figure = Figure(layout="constrained")
    ax = figure.subplots()
    ax.plot(range(50), label="line")
    ax.legend()
    figure.get_layout_engine().execute(figure)
    FigureCanvasSVG(figure).print_svg(io.StringIO())
