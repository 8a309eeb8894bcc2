"""The KAN chapter's definitions against SciPy, autograd and the published counters."""

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline

from helpers import chapter, seeded

kan, symbols = chapter("kan"), chapter("kan/symbols")

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


# What goes in: NaN, infinity, empty intervals, coinciding knots, precisions, devices.


@GRIDS
def test_extended_knots_continue_the_outermost_intervals(grid):
    t = kan.extended_knots(grid, 3)
    assert torch.allclose(t[:4].diff(), (grid[1] - grid[0]).expand(3))
    assert torch.allclose(t[-4:].diff(), (grid[-1] - grid[-2]).expand(3))


def test_pieces_are_closed_on_the_left_and_open_on_the_right():
    assert torch.equal(kan.cox_de_boor(EVEN[:-1], EVEN, 0), torch.eye(7, dtype=torch.float64))
    assert not kan.cox_de_boor(EVEN[-1], EVEN, 0).any()


@pytest.mark.parametrize("k", [0, 1, 3])
def test_matrix_form_equals_the_recursion_at_the_knots_and_far_outside(k):
    t = kan.extended_knots(EVEN, k)
    z = torch.cat([t, torch.tensor([-1e6, -torch.inf, 1e6, torch.inf])]).double()
    finite = z.isfinite()
    matrix = kan.matrix_basis(z, -1.0, 1.0, 7, kan.basis_matrix(k))
    if k:
        assert (matrix[finite] - kan.cox_de_boor(z[finite], t, k)).abs().max() < 1e-12
    else:  # rounding decides on which side of its knot a point lies
        middle = (t[1:] + t[:-1]) / 2
        values = kan.matrix_basis(middle, -1.0, 1.0, 7, kan.basis_matrix(0))
        assert torch.equal(values, kan.cox_de_boor(middle, t, 0))
    assert not matrix[-4:].any()


@pytest.mark.parametrize("k", [1, 2, 3])
def test_coinciding_knots_are_scipys(k):
    inner = torch.tensor([0.2, 0.5, 0.5, 0.7], dtype=torch.float64)
    t = torch.cat([torch.zeros(k + 1), inner, torch.ones(k + 1)]).double()
    z = torch.linspace(0, 1, 83, dtype=torch.float64)[1:-1]
    theirs = BSpline.design_matrix(z.numpy(), t.numpy(), k).toarray()
    assert np.abs(kan.cox_de_boor(z, t, k).numpy() - theirs).max() < 1e-12


@pytest.mark.parametrize("k", [1, 3, 6])
def test_the_live_bumps_are_the_recursion(k):
    z = torch.linspace(-2, 2, 401, dtype=torch.float64)
    assert (
        kan.live_recursion(z, 9, kan.splits(k)) - kan.recursive_basis(z, 9, k)
    ).abs().max() < 1e-12


def test_nan_stays_with_its_sample():
    seeded(8)
    model = kan.KAN([2, 3, 1])
    x = torch.tensor([[0.1, 0.2], [torch.nan, 0.2], [0.3, -0.9]]).double()
    assert torch.equal(model(x).isnan()[:, 0], torch.tensor([False, True, False]))
    with pytest.raises(ValueError, match="NaN"):
        kan.extend(model, 6, x)
    with pytest.raises(ValueError, match="NaN"):
        kan.levenberg_marquardt(model, x, torch.zeros(3).double(), 2)
    good, y = torch.rand(3, 2).double(), torch.tensor([0.0, torch.nan, 1.0]).double()
    with pytest.raises(ValueError, match="NaN"):
        kan.levenberg_marquardt(model, good, y, 2)


@pytest.mark.parametrize("domain", [(1.0, 1.0), (1.0, -1.0), (0.0, float("nan"))])
def test_an_empty_interval_is_named(domain):
    with pytest.raises(ValueError, match="low < high"):
        kan.KANLayer(1, 1, domain=domain)
    with pytest.raises(ValueError, match="low < high"):
        kan.matrix_basis(torch.zeros(2, 1), *domain, 3, kan.basis_matrix(3))
    layer = kan.KANLayer(1, 1)
    with pytest.raises(ValueError, match="low < high"):
        kan.refit(layer, 4, *torch.tensor(domain).double()[:, None])


def test_degrees_and_grids_out_of_range_are_named():
    with pytest.raises(ValueError, match="k=-1"):
        kan.basis_matrix(-1)
    with pytest.raises(ValueError, match="G=0"):
        kan.KANLayer(1, 1, G=0)
    with pytest.raises(ValueError, match="copies"):
        layer = kan.KANLayer(1, 1, copies=(2,))
        kan.refit(layer, 4, layer.low, layer.high)
    with pytest.raises(ValueError, match="budget"):
        kan.nearest_width(kan.mlp_cost, lambda W: [1, W, 1], 10**6)


@pytest.mark.parametrize(("layer", "given"), [(torch.float64, torch.float32), (torch.float32,) * 2])
def test_another_precision_or_width_is_named(layer, given):
    model = kan.KAN([2, 1], dtype=layer)
    if layer != given:
        with pytest.raises(ValueError, match="float32.*float64"):
            model(torch.zeros(3, 2, dtype=given))
    else:
        assert model(torch.zeros(3, 2, dtype=given)).dtype == given
    with pytest.raises(ValueError, match="with 3 inputs"):
        model(torch.zeros(3, 3, dtype=layer))


def test_a_basis_keeps_the_precision_of_its_input():
    for dtype in (torch.float32, torch.float64):
        z = torch.linspace(-1, 1, 5, dtype=dtype)
        assert kan.matrix_basis(z, -1.0, 1.0, 4, kan.basis_matrix(2)).dtype == dtype
        assert kan.live_recursion(z, 4, kan.splits(2, dtype)).dtype == dtype
        assert kan.recursive_basis(z, 4, 2).dtype == dtype


def test_samples_and_values_must_match():
    model, x = kan.KAN([1, 1]), torch.rand(5, 1).double()
    for y in (x, torch.zeros(4).double()):
        with pytest.raises(ValueError, match="one number for each"):
            kan.rmse(model, x, y)
    with pytest.raises(ValueError, match="0 samples"):
        kan.rmse(model, x[:0], x[:0, 0])
    with pytest.raises(ValueError, match="samples"):
        kan.extend(model, 4, x[:0])
    with pytest.raises(ValueError, match="2 outputs"):
        kan.kan_jacobian(kan.KAN([1, 2]), x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_levenberg_marquardt_with_duplicated_inputs_and_samples(dtype):
    seeded(9)
    x = (2 * torch.rand(40, 1, dtype=dtype) - 1).expand(40, 2).repeat(2, 1)
    model = kan.KAN([2, 1], G=30, dtype=dtype)
    history = kan.levenberg_marquardt(model, x, x[:, 0] ** 2, 40)
    assert history[-1] < 2e-3 and kan.rmse(model, x, x[:, 0] ** 2) == history[-1]


def test_extending_at_a_constant_activation_keeps_the_function():
    seeded(10)
    model, x = kan.KAN([1, 2, 1]), torch.full((20, 1), 0.3, dtype=torch.float64)
    before = model(x)
    kan.extend(model, 10, x)
    assert (model(x) - before).abs().max() < 1e-6


def devices():
    return ["meta", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.mark.parametrize("device", devices())
def test_definitions_work_where_their_inputs_live(device):
    grid = torch.linspace(-1, 1, 6, dtype=torch.float64, device=device)
    x = torch.zeros(7, 2, dtype=torch.float64, device=device)
    t = kan.extended_knots(grid, 3)
    made = [t, kan.cox_de_boor(x, t, 3), kan.live_recursion(x, 5, kan.splits(3, device=x.device))]
    made += [kan.recursive_basis(x, 5, 3), kan.formula(x)]
    made += [kan.matrix_basis(x, -1.0, 1.0, 5, kan.basis_matrix(3).to(device))]
    model = kan.KAN([2, 3, 1]).to(device)
    made += [model(x), model[0].edges(x), *kan.kan_jacobian(model, x)]
    made += [kan.polynomials(x, 3), kan.square_splines(x, 4)]
    networks = [kan.stacked_kan, kan.stacked_mlp, kan.stacked_spline_mlp, kan.silu_kan]
    for make in (*networks, kan.random_features):
        made.append(make(2, [2, 3, 1], 4).to(device)(x.float()[None]))
    assert {tensor.device.type for tensor in made} == {device}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no accelerator")
def test_training_works_on_an_accelerator():
    seeded(11)
    x = (2 * torch.rand(200, 2, dtype=torch.float64) - 1).cuda()
    stages = kan.grow([2, 1, 1], (3, 5), x, kan.formula(x), starts=2, steps=5)
    assert stages[-1].size() == 27 and next(stages[-1].parameters()).is_cuda
    kan.best_mlp([2, 3, 1], x, kan.formula(x), starts=1, steps=5)


# What is compared, and how.


def test_levenberg_marquardt_leaves_the_best_parameters():
    seeded(12)
    x = torch.linspace(-1, 1, 30, dtype=torch.float64)[:, None]
    y, model = torch.sign(x[:, 0]), kan.KAN([1, 1], G=2)
    history = kan.levenberg_marquardt(model, x, y, 400)
    assert len(history) < 400  # it stopped: no trial helped any more
    assert kan.rmse(model, x, y) == history[-1]


def test_the_chosen_mlp_is_trained_to_the_end():
    def setting():
        seeded(13)
        x = torch.linspace(-1, 1, 200, dtype=torch.float64)[:, None]
        return x, torch.sin(6 * x[:, 0])

    x, y = setting()
    halfway = [kan.mlp([1, 5, 1]) for _ in range(3)]
    for model in halfway:
        kan.levenberg_marquardt(model, x, y, 8, kan.module_jacobian)
    best, *_, worst = sorted(halfway, key=lambda model: kan.rmse(model, x, y))
    early = kan.rmse(best, x, y)
    assert early < 0.9 * kan.rmse(worst, x, y)
    kan.levenberg_marquardt(best, x, y, 12, kan.module_jacobian)
    x, y = setting()
    error = kan.rmse(kan.best_mlp([1, 5, 1], x, y, starts=3, steps=20), x, y)
    assert error == pytest.approx(kan.rmse(best, x, y), rel=1e-6) and error < 0.8 * early


def test_linear_fits_are_numpys_also_without_full_rank():
    rng = seeded(14)
    x, y = kan.formula_samples(50, rng.torch)
    x[:, 1] = x[:, 0]
    A = np.polynomial.chebyshev.chebvander2d(x[:, 0].numpy(), x[:, 1].numpy(), [4, 4])
    kept = [i * 5 + j for i in range(5) for j in range(5 - i)]
    B = A[:, kept]
    assert np.abs(kan.polynomials(x, 4).numpy() - B).max() < 1e-12
    best = B @ np.linalg.lstsq(B, y.numpy(), rcond=None)[0] - y.numpy()
    error = kan.linear_rmse(lambda x: kan.polynomials(x, 4), x, y, x, y)
    assert error == pytest.approx(np.sqrt((best**2).mean()), rel=1e-8)


def test_squares_have_products_of_scipys_splines():
    x = torch.tensor([[-0.3, 0.8], [0.05, -0.6]]).double()
    t = kan.extended_knots(torch.linspace(-1, 1, 6).double(), 3).numpy()
    one, two = (BSpline.design_matrix(x[:, i].numpy(), t, 3).toarray() for i in (0, 1))
    wanted = np.einsum("ni,nj->nij", one, two).reshape(2, 64)
    assert np.abs(kan.square_splines(x, 5).numpy() - wanted).max() < 1e-7


def test_a_slope_is_the_exponent_of_a_power_law():
    assert kan.slope([2, 5, 11], [7 * n**-3.5 for n in (2, 5, 11)]) == pytest.approx(-3.5)


def test_a_tally_counts_kernels_and_numbers_and_no_views():
    x = torch.ones(4, 3)
    with kan.Tally() as tally:
        ((x + 1).mT[:2] * 2).sum()
    assert (tally.kernels, tally.numbers) == (3, 12 + 8 + 1)


def test_adam_is_torchs():
    seeded(15)
    net = kan.stacked_mlp(2, [3, 4, 1])
    twin = kan.stacked_mlp(2, [3, 4, 1])
    twin.load_state_dict(net.state_dict())
    ours = kan.StackedAdam(net, torch.tensor([0.01, 0.01]))
    theirs = torch.optim.Adam(twin.parameters(), lr=0.01, betas=(0.9, 0.99))
    for _ in range(5):
        x = torch.randn(1, 20, 3)
        ours.step(net(x).square().mean((1, 2)))
        theirs.zero_grad()
        twin(x).square().mean((1, 2)).sum().backward()
        theirs.step()
    for p, q in zip(net.parameters(), twin.parameters()):
        assert torch.allclose(p, q, atol=1e-5)


def test_controls_keep_their_fixed_parts():
    seeded(16)
    for make, wanted in ((kan.silu_kan, 3 * 4), (kan.random_features, 4 + 1)):
        net = make(1, [2, 4, 1], 5)
        fixed = [p.clone() for p in net.parameters() if not p.requires_grad]
        adam = kan.StackedAdam(net, torch.tensor([0.1]))
        for _ in range(3):
            adam.step(net(torch.randn(1, 8, 2)).square().mean((1, 2)))
        assert sum(p.numel() for p in kan.trainable(net)) == wanted
        after = [p for p in net.parameters() if not p.requires_grad]
        assert fixed and all(torch.equal(a, b) for a, b in zip(fixed, after))


def test_errors_are_root_mean_squares_or_shares_of_wrong_labels():
    numbers = kan.Task(*torch.zeros(4, 1, 2), 5, (0.1,))
    outputs = torch.tensor([[[3.0], [0.0]], [[1.0], [1.0]]])
    assert torch.allclose(numbers.errors(outputs, torch.zeros(2, 2)), torch.tensor([4.5**0.5, 1.0]))
    scores = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]]])
    wrong = numbers.errors(scores, torch.tensor([[0, 1, 0, 0]]))
    assert torch.allclose(wrong, torch.tensor([0.25]))


def test_the_rate_is_chosen_by_training_loss():
    rng = seeded(17)
    task = kan.formula_task(rng, N=100)
    task.y_test, task.rates = -5 * task.y_test, torch.tensor([1e-7, 0.03])
    untrained = kan.race(kan.stacked_mlp, [2, 8, 1], task, starts=2, steps=0)["errors"]
    trained = kan.race(kan.stacked_mlp, [2, 8, 1], task, starts=2, steps=60)["errors"]
    assert (
        trained.mean() > untrained.mean() + 0.2
    )  # worse on these test values, chosen all the same


def test_contestants_have_one_budget_and_their_steps():
    rng = seeded(18)
    task = kan.formula_task(rng, N=70)
    found = kan.contest(task, [2, 5, 1], depth=2, starts=1, steps=2)
    assert [r["steps"] for r in found.values()] == [2, 2, 2, 8]
    assert all(abs(r["size"] - 135) <= 9 for r in found.values())
    assert list(kan.contest(task, [2, 5, 1], 2, 1, 2, only=("MLP",))) == ["MLP"]
    fixed = kan.fixed_parts(task, 5, starts=1, steps=2)
    assert [r["size"] for r in fixed.values()] == [15, 135]


def test_memory_is_read_when_the_second_stage_is_learned():
    history = torch.zeros(6, 4, 3, 2)
    history[2, 0] = 1.0  # stage 1 is learned at both rates
    history[2:5, 3] = torch.tensor([0.9, 0.8, 0.7])[:, None, None]
    history[3, 0, :, 1], history[4, 0, :, 1] = 0.6, 0.1
    history[3, 1, :, 1] = torch.tensor([0.85, 0.79, 0.3])
    history[4, 1, :, 1] = torch.tensor([0.95, 0.9, 0.5])
    scores = kan.kept(history, 2)
    assert torch.allclose(scores[0], torch.tensor([0.6, 0.1]))  # the third start never gets there
    assert torch.allclose(scores[3], torch.tensor([0.8, 0.7]))
    with pytest.raises(ValueError, match="half of the starts"):
        kan.kept(history, 2, level=0.99)


def test_ridge_errors_are_those_of_test_points():
    rng = seeded(19)
    task = kan.formula_task(rng, N=200)
    one, more = kan.ridge_errors(task, 1), kan.ridge_errors(task, 150)
    assert one.shape == (6,) and (one > 0.5).all() and (more < 0.2).all()


def test_the_nearest_spline_needs_no_full_rank():
    x = torch.linspace(0, 1, 60, dtype=torch.float64)
    B = kan.matrix_basis(x, -1.0, 1.0, 6, kan.basis_matrix(3))
    for values in (torch.sin(5 * x), torch.ones_like(x), torch.zeros_like(x)):
        c = kan.nearest_spline(x, values, 6, 3)
        best = np.linalg.lstsq(B.numpy(), values.numpy(), rcond=None)[0]
        assert np.abs(c.numpy() - best).max() < 1e-8


# The page on symbols.


def test_a_layer_that_is_zero_has_no_entropy():
    phi = torch.zeros(2, 3, 8, requires_grad=True)
    S = symbols.entropy(phi)
    (slope,) = torch.autograd.grad(S, phi)
    assert S == 0 and slope.isfinite().all()
    one = torch.zeros(2, 3, 8)
    one[1, 2] = 0.5
    assert abs(symbols.entropy(one)) < 1e-5
    assert abs(symbols.entropy(torch.full((2, 3, 8), 1e-3)) - np.log(6)) < 1e-5


@pytest.mark.parametrize("value", [0.0, 0.7])
def test_a_constant_edge_is_the_simplest_symbol(value):
    z = np.linspace(-1, 1, 50)
    fits = symbols.fit_library(z, np.full(50, value))
    assert symbols.simplest(fits) == next(iter(symbols.LIBRARY))
    R2, (a, b, c, d) = fits["exp"]
    assert R2 == 1 and np.allclose(c * np.exp(a * z + b) + d, value)


def test_edges_without_an_answer_are_named():
    z = np.linspace(-1, 1, 5)
    for bad in ((z * np.nan, z), (z, z * np.nan), (z[:0], z[:0])):
        with pytest.raises(ValueError, match="finite"):
            symbols.fit_library(*bad)
    with pytest.raises(ValueError, match="every sample"):
        symbols.fit_library(np.ones(5), z)
    with pytest.raises(ValueError, match="NaN"):
        symbols.simplest({"x": (float("nan"), None)})


@pytest.mark.parametrize("name", ["x", "x²"])
def test_the_explained_share_is_that_of_polyfit(name):
    z = np.linspace(-1, 1.5, 60)
    phi = np.exp(z)
    fit = np.polyval(np.polyfit(z, phi, 1 if name == "x" else 2), z)
    best = 1 - ((phi - fit) ** 2).sum() / ((phi - phi.mean()) ** 2).sum()
    R2, _ = symbols.best_affine(symbols.LIBRARY[name], z, phi)
    assert abs(R2 - best) < 1e-6


def test_the_first_symbol_within_the_tolerance_is_taken():
    fits = {"x": (0.99, None), "x²": (0.99995, None), "sin": (1.0, None), "exp": (0.9, None)}
    assert symbols.simplest(fits) == "x²"


def test_scores_among_own_classes_ignore_the_others():
    x_test = torch.eye(10)
    task = kan.Task(x_test, torch.arange(10)[None], x_test, torch.arange(10)[None], 3, (0.1,))

    def shifted(x):  # names the right class, but adds 5 to the scores of classes 3 to 5
        scores = x.clone()
        scores[..., 3:6] += 5
        return scores

    scores = kan.stage_scores(shifted, task)[:, 0]
    assert torch.allclose(scores, torch.tensor([0.0, 1.0, 0.0, 1.0]))
