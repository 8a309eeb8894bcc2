"""The KAN chapter's definitions against SciPy, autograd and the published counters."""

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline

from helpers import chapter, seeded

kan = chapter("kan")

EVEN = torch.linspace(-1, 1, 8, dtype=torch.float64)
UNEVEN = torch.tensor([-1, -0.8, -0.1, 0.0, 0.35, 0.4, 1], dtype=torch.float64)
GRIDS = pytest.mark.parametrize("grid", [EVEN, UNEVEN], ids=["even", "uneven"])


def inside(grid: torch.Tensor, n: int = 301) -> torch.Tensor:
    return torch.linspace(grid[0], grid[-1], n, dtype=torch.float64)[:-1]


@GRIDS
@pytest.mark.parametrize("k", range(1, 6))
class TestAgainstSciPy:
    def test_basis(self, k, grid):
        t, z = kan.extended_knots(grid, k), inside(grid)
        theirs = BSpline.design_matrix(z.numpy(), t.numpy(), k).toarray()
        assert np.abs(kan.cox_de_boor(z, t, k).numpy() - theirs).max() < 1e-12

    def test_derivative(self, k, grid):
        t, z = kan.extended_knots(grid, k), inside(grid)[1:].requires_grad_()
        c = torch.sin(3 * torch.arange(len(t) - k - 1, dtype=torch.float64))
        (slope,) = torch.autograd.grad((kan.cox_de_boor(z, t, k) @ c).sum(), z)
        theirs = BSpline(t.numpy(), c.numpy(), k).derivative()(z.detach().numpy())
        assert np.abs(slope.numpy() - theirs).max() < 1e-11 * max(1, np.abs(theirs).max())

    def test_partition_of_unity(self, k, grid):
        total = kan.cox_de_boor(inside(grid), kan.extended_knots(grid, k), k).sum(-1)
        assert (total - 1).abs().max() < 1e-13


@pytest.mark.parametrize("k", range(1, 9))
def test_matrix_form_equals_the_recursion_also_beyond_the_grid(k):
    z = torch.linspace(-3, 4, 977, dtype=torch.float64).requires_grad_()
    recursion = kan.cox_de_boor(z, kan.extended_knots(EVEN, k), k)
    matrix = kan.matrix_basis(z, -1.0, 1.0, 7, kan.basis_matrix(k))
    assert (recursion - matrix).abs().max() < 1e-10
    c = torch.cos(torch.arange(7 + k, dtype=torch.float64))
    slopes = [torch.autograd.grad((B @ c).sum(), z)[0] for B in (recursion, matrix)]
    if k > 1:
        assert (slopes[0] - slopes[1]).abs().max() < 1e-9


def test_the_matrix_of_cubic_splines_is_the_textbook_one():
    textbook = torch.tensor([[1, 4, 1, 0], [-3, 0, 3, 0], [3, -6, 3, 0], [-1, 3, -3, 1]]) / 6
    assert torch.allclose(kan.basis_matrix(3), textbook.double())


def test_every_input_has_its_own_interval():
    low, high = torch.tensor([-1.0, 0.0]).double(), torch.tensor([1.0, 10.0]).double()
    x = torch.tensor([[0.5, 7.5]]).double()
    B = kan.matrix_basis(x, low, high, 4, kan.basis_matrix(3))
    assert torch.allclose(B[:, 0], B[:, 1])


def test_a_layer_is_the_sum_of_its_edges_and_each_edge_is_scipys_spline():
    seeded(1)
    layer = kan.KANLayer(3, 2, G=6, k=3, domain=(-2, 2))
    x = 4 * torch.rand(50, 3, dtype=torch.float64) - 2
    edges = layer.edges(x)
    assert torch.allclose(edges.sum(1).T, layer(x), atol=1e-13)
    t = kan.extended_knots(torch.linspace(-2, 2, 7, dtype=torch.float64), 3).numpy()
    spline = BSpline(t, layer.c[1, 2].detach().numpy(), 3)(x[:, 2].numpy())
    silu = layer.w_b[1, 2].item() * torch.nn.functional.silu(x[:, 2]).numpy()
    assert np.abs(edges[1, 2].detach().numpy() - spline - silu).max() < 1e-12


def test_copies_are_independent_layers():
    seeded(2)
    stacked = kan.KANLayer(2, 3, copies=(4,))
    x = torch.rand(10, 2, dtype=torch.float64)
    one = kan.KANLayer(2, 3)
    one.load_state_dict(
        {n: v[2] if n in ("w_b", "c") else v for n, v in stacked.state_dict().items()}
    )
    assert stacked(x).shape == (4, 10, 3)
    assert torch.allclose(stacked(x)[2], one(x))


def test_float32_layers_keep_an_exact_basis():
    x = torch.rand(200, 1) * 2 - 1
    single = kan.KANLayer(1, 1, dtype=torch.float32).basis(x)
    double = kan.KANLayer(1, 1).basis(x.double())
    assert single.dtype == torch.float32 and (single - double).abs().max() < 1e-6


def test_the_jacobian_is_autograds():
    seeded(3)
    model = kan.KAN([2, 4, 3, 1], G=4, k=2)
    x = 2 * torch.rand(20, 2, dtype=torch.float64) - 1
    f, J = kan.kan_jacobian(model, x)
    rows = []
    for n in range(len(x)):
        grads = torch.autograd.grad(model(x[n : n + 1]).sum(), list(model.parameters()))
        rows.append(torch.cat([g.flatten() for g in grads]))
    assert torch.allclose(J, torch.stack(rows), atol=1e-12)
    assert torch.allclose(f, model(x)[:, 0])
    assert torch.allclose(kan.module_jacobian(model, x)[1], J, atol=1e-12)


def test_levenberg_marquardt_finds_the_least_squares_optimum_of_a_linear_model():
    seeded(4)
    model = kan.KAN([1, 1], G=8)
    x = torch.linspace(-1, 1, 200, dtype=torch.float64)[:, None]
    y = torch.sin(5 * x[:, 0])
    kan.levenberg_marquardt(model, x, y, 30)
    t = kan.extended_knots(torch.linspace(-1, 1, 9, dtype=torch.float64), 3)
    A = np.hstack(
        [
            BSpline.design_matrix(x[:-1, 0].numpy(), t.numpy(), 3).toarray(),
            torch.nn.functional.silu(x[:-1]).numpy(),
        ]
    )
    best = np.linalg.lstsq(A, y[:-1].numpy(), rcond=None)[1][0] / 199
    assert kan.rmse(model, x[:-1], y[:-1]) == pytest.approx(np.sqrt(best), rel=0.02)


def test_the_error_never_rises():
    rng = seeded(5)
    x, y = kan.formula_samples(300, rng.torch)
    history = kan.levenberg_marquardt(kan.KAN([2, 3, 1], G=3), x, y, 15)
    assert all(b < a for a, b in zip(history, history[1:])) and history[-1] < 0.2


@pytest.mark.parametrize(("G", "finer"), [(3, 6), (4, 12), (5, 5)])
def test_a_nested_grid_keeps_the_function(G, finer):
    seeded(6)
    layer = kan.KANLayer(2, 3, G=G)
    x = 2 * torch.rand(300, 2, dtype=torch.float64) - 1
    before = layer(x)
    kan.refit(layer, finer, layer.low, layer.high)
    assert layer.c.shape == (3, 2, finer + 3)
    assert (layer(x) - before).abs().max() < 1e-10


def test_hidden_grids_follow_the_activations():
    seeded(7)
    model = kan.KAN([2, 3, 1])
    x = 2 * torch.rand(500, 2, dtype=torch.float64) - 1
    kan.extend(model, 10, x)
    hidden = model[0](x)
    assert (hidden.min(0).values > model[1].low).all()
    assert (hidden.max(0).values < model[1].high).all()


# Printed by the counters of the paper's repository (KANbeFair, layer_parameters and layer_flops).
PUBLISHED_KAN = [
    ((2, 5, 5, 3), (115, 2630.0)),
    ((64, 10, 5, 3), (7050, 168000.0)),
    ((784, 10, 20, 5), (219530, 9945040.0)),
]
PUBLISHED_MLP = [
    ((2, 5, "silu"), (15, 45)),
    ((64, 32, "relu"), (2080, 4128)),
    ((784, 10, "gelu"), (7850, 15820)),
]


PUBLISHED_NETWORKS = [
    (kan.kan_cost, [2, 5, 1], (5, 3), (171, 3965.0)),
    (kan.kan_cost, [64, 4, 10], (5, 3), (3270, 77892.0)),
    (kan.kan_cost, [784, 10, 10, 10], (20, 5), (225150, 10198740.0)),
    (kan.mlp_cost, [2, 5, 1], (), (21, 60)),
    (kan.mlp_cost, [64, 4, 10], (), (310, 662)),
]


@pytest.mark.parametrize(("layer", "count"), PUBLISHED_KAN)
def test_kan_costs_are_the_published_ones(layer, count):
    assert kan.kan_cost(*layer) == count


@pytest.mark.parametrize(("layer", "count"), PUBLISHED_MLP)
def test_mlp_costs_are_the_published_ones(layer, count):
    assert kan.mlp_cost(*layer) == count


@pytest.mark.parametrize(("cost", "widths", "spline", "count"), PUBLISHED_NETWORKS)
def test_network_costs_are_the_published_ones(cost, widths, spline, count):
    assert kan.network_cost(cost, widths, *spline) == count


def test_the_published_count_has_two_numbers_an_edge_and_a_bias_a_node_more():
    width, G, k = [3, 4, 2], 6, 3
    published = kan.network_cost(kan.kan_cost, width, G, k)[0]
    edges, nodes = 3 * 4 + 4 * 2, 4 + 2
    assert published - kan.KAN(width, G=G, k=k).size() == 2 * edges + nodes
