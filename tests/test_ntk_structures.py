"""The page on graphs: kernels, graphs and fits against loops, autograd, SciPy and by hand."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.linalg import expm

from helpers import chapter, seeded

graphs = chapter("ntk/structures")
NAMES = pytest.mark.parametrize("name", list(graphs.GRAPHONS))


def kappas(s1, s12, s2):
    """The two expectations for numbers, by the arc cosine itself."""
    root = math.sqrt(s1 * s2)
    angle = math.acos(max(-1.0, min(1.0, s12 / root)))
    one = root / (2 * math.pi) * (math.sin(angle) + (math.pi - angle) * math.cos(angle))
    return one, (math.pi - angle) / (2 * math.pi)


def kernel_by_loops(S, X, depth, taps):
    """The recursion entry by entry, with NumPy's matrix powers."""
    n, d = X.shape

    def heard(C):
        powers = [np.linalg.matrix_power(S, k) for k in range(taps)]
        return sum(P @ C @ P.T for P in powers) / taps

    sigma = theta = 2 * heard(X @ X.T / d)
    for _ in range(depth):
        k1, k0 = np.zeros((2, n, n))
        for i in range(n):
            for j in range(n):
                k1[i, j], k0[i, j] = kappas(sigma[i, i], sigma[i, j], sigma[j, j])
        sigma, theta = 2 * heard(k1), 2 * heard(k1) + 2 * heard(k0 * theta)
    return theta


@pytest.mark.parametrize(("depth", "taps"), [(1, 2), (2, 2), (2, 3)])
def test_kernel_is_the_recursion_entry_by_entry_for_a_shift_without_symmetry(depth, taps):
    draw = np.random.default_rng(1)
    S, X = draw.normal(size=(5, 5)) / 3, draw.normal(size=(5, 3))
    got = graphs.gntk(torch.tensor(S), torch.tensor(X), depth, taps)
    np.testing.assert_allclose(got, kernel_by_loops(S, X, depth, taps), atol=1e-9)


def test_kernel_of_two_orthogonal_nodes_without_edges_by_hand():
    X = math.sqrt(2) * torch.eye(2, dtype=torch.float64)
    got = graphs.gntk(torch.zeros(2, 2, dtype=torch.float64), X)
    wanted = [[1, 1 / (2 * math.pi)], [1 / (2 * math.pi), 1]]
    np.testing.assert_allclose(got, wanted, atol=1e-12)


def test_kernel_at_the_edges():
    S = torch.rand(4, 4, generator=seeded(2).torch, dtype=torch.float64)
    X = torch.rand(4, 2, generator=seeded(3).torch, dtype=torch.float64)
    assert (graphs.gntk(S, 0 * X) == 0).all()
    assert graphs.gntk(S.float(), X.float()).dtype == torch.float32
    twins = graphs.gntk(S[:, [0, 0, 2, 3]][[0, 0, 2, 3]], X[[0, 0, 2, 3]])
    torch.testing.assert_close(twins[0], twins[1])
    assert graphs.gntk(S[:1, :1], X[:1]).shape == (1, 1)
    assert graphs.gntk(S[:0, :0], X[:0]).shape == (0, 0)
    assert graphs.gntk(S, X.log().where(X > 0.5, math.nan * X)).isnan().any()
    for wrong in (S[:3], S[:3, :3]):
        with pytest.raises(ValueError, match="nodes in X"):
            graphs.gntk(wrong, X)


@pytest.mark.parametrize(("width", "depth"), [(7, 1), (1, 1), (6, 2)])
def test_network_is_the_sum_over_powers_and_its_kernel_is_that_of_its_gradients(width, depth):
    torch.manual_seed(4)
    S = torch.randn(5, 5, dtype=torch.float64) / 3
    X = torch.randn(5, 3, dtype=torch.float64)
    network = graphs.GraphNetwork(S, width, d=3, depth=depth)
    Z = X.numpy()
    for layer, H in enumerate(h.detach().numpy() for h in network.H):
        Z = np.maximum(Z, 0) if layer else Z
        terms = [np.linalg.matrix_power(S.numpy(), k) @ Z @ H[k] for k in range(2)]
        Z = math.sqrt(2 / (2 * H.shape[1])) * sum(terms)
    f = network(X)
    np.testing.assert_allclose(f.detach(), Z, atol=1e-12)
    rows = [
        torch.cat([g.flatten() for g in torch.autograd.grad(out, network.H, retain_graph=True)])
        for out in f[:, 0]
    ]
    J = torch.stack(rows)
    torch.testing.assert_close(graphs.empirical_gntk(network, X), J @ J.T)


@NAMES
def test_graphs_have_the_edges_that_their_rule_says(name):
    W, rng = graphs.GRAPHONS[name], seeded(5)
    u, A = graphs.sample_graph(W, 60, rng.torch)
    assert (A == A.T).all() and (A.diagonal() == 0).all() and set(A.unique().tolist()) == {0, 1}
    assert (u.diff() >= 0).all() and u.min() >= 0 and u.max() <= 1
    places, weights = graphs.sample_graph(W, 4, rng.torch, nodes=False, edges=False)
    assert places.tolist() == [0.125, 0.375, 0.625, 0.875]
    torch.testing.assert_close(weights, W(places[:, None], places))
    for density in (1.0, 0.5):
        many = [
            graphs.sample_graph(W, 30, rng.torch, nodes=False, density=density)[1]
            for _ in range(200)
        ]
        places = (torch.arange(30).double() + 0.5) / 30
        wanted = density * W(places[:, None], places)
        gap = (torch.stack(many).mean(0) - wanted).fill_diagonal_(0)
        assert gap.square().mean().sqrt() < 0.05 and gap.mean().abs() < 0.01


def test_rules_at_some_places_and_graphs_that_cannot_be():
    u, v = torch.tensor([0.1, 0.7]).double(), torch.tensor([0.3, 0.9]).double()
    found = {name: W(u, v).tolist() for name, W in graphs.GRAPHONS.items()}
    assert found["neighbours"] == pytest.approx([math.exp(-0.6)] * 2)
    assert found["communities"] == pytest.approx([0.8, 0.8])
    assert found["seniority"] == pytest.approx([0.7, 0.1])
    assert graphs.GRAPHONS["communities"](u, v.flip(0)).tolist() == pytest.approx([0.2, 0.2])
    assert graphs.sample_graph(graphs.GRAPHONS["seniority"], 1, seeded(6).torch)[1].item() == 0
    with pytest.raises(ValueError, match="n=0"):
        graphs.sample_graph(graphs.GRAPHONS["seniority"], 0, seeded(6).torch)
    for factor in (2.0, -1.0, math.nan):
        with pytest.raises(ValueError, match=r"outside of \[0, 1\]"):
            graphs.sample_graph(lambda u, v, c=factor: c + 0 * u * v, 3, seeded(6).torch)


def test_opinions_move_as_the_loop_over_neighbours_says_and_their_mean_rests():
    u, A = graphs.sample_graph(graphs.GRAPHONS["neighbours"], 6, seeded(7).torch)
    z = start = [math.cos(3 * math.pi * place) for place in u.tolist()]
    for _ in range(3):
        z = [z[i] + sum(A[i, j].item() * (z[j] - z[i]) for j in range(6)) / 12 for i in range(6)]
    X, y = graphs.opinion_task(u, A / 6)
    np.testing.assert_allclose(y, np.array(z) - start, atol=1e-12)
    np.testing.assert_allclose(X, np.stack([np.ones(6), start], 1), atol=1e-12)
    assert y.sum().item() == pytest.approx(0, abs=1e-12)
    assert (graphs.opinion_task(u, 0 * A)[1] == 0).all()


@pytest.mark.parametrize("eta", [1.0, 0.4])
def test_learning_curve_is_gradient_descent_step_by_step(eta):
    draw = np.random.default_rng(8)
    root, y = draw.normal(size=(6, 4)) / 2, draw.normal(size=6)
    theta, r, wanted = root @ root.T, -y, []
    for _ in range(5):
        wanted.append(r @ r / (y @ y))
        r = r - eta / 6 * theta @ r
    got = graphs.learning_curve(torch.tensor(theta), torch.tensor(y), 5, eta)
    np.testing.assert_allclose(got, wanted, atol=1e-10)


def test_a_wide_network_learns_as_its_kernel_says():
    seeded(9)
    u, A = graphs.sample_graph(graphs.GRAPHONS["communities"], 20, seeded(9).torch)
    X, y = graphs.opinion_task(u, A / 20)
    got = graphs.train_on_graph(graphs.GraphNetwork(A / 20, 4000), X, y, 12, eta=0.8)
    wanted = graphs.learning_curve(graphs.gntk(A / 20, X), y, 12, eta=0.8)
    assert got[0].item() == pytest.approx(1)
    torch.testing.assert_close(got, wanted, atol=0.06, rtol=0)


def test_quadrature_integrates_polynomials_and_a_kink_between_panels():
    v, w = graphs.quadrature(5, 6)
    assert len(v) == 30 and w.sum().item() == pytest.approx(1)
    assert (w * v**9).sum().item() == pytest.approx(0.1)
    wanted = quad(lambda x: abs(x - 0.4) * math.exp(x), 0, 1, points=[0.4])[0]
    assert (w * (v - 0.4).abs() * v.exp()).sum().item() == pytest.approx(wanted, abs=1e-10)


@NAMES
def test_graphon_kernel_is_the_limit_of_fine_weighted_graphs(name):
    W, (v, w) = graphs.GRAPHONS[name], graphs.quadrature()
    u = (torch.arange(400).double() + 0.5) / 400
    S = W(u[:, None], u) / 400
    some = torch.tensor([3, 150, 260, 399])
    fine = graphs.gntk(S, graphs.opinion_task(u, S)[0])[some][:, some]
    torch.testing.assert_close(graphs.graphon_ntk(W, u[some], v, w), fine, atol=2e-3, rtol=0)


def test_operator_s_eigenvalues_are_those_of_the_weighted_matrix():
    draw = np.random.default_rng(10)
    root, w = draw.normal(size=(5, 5)), draw.uniform(0.1, 1, size=5)
    theta = root @ root.T
    wanted = np.sort(np.linalg.eigvals(theta * w).real)[::-1]
    got = graphs.operator_eigenvalues(torch.tensor(theta), torch.tensor(w))
    np.testing.assert_allclose(got, wanted, atol=1e-9)


@pytest.mark.parametrize("how", ["nodes and edges", "five neighbours"])
def test_sampling_errors_of_one_graph_worked_out(how):
    W, n = graphs.GRAPHONS["seniority"], 30
    got = graphs.sampling_errors(W, n, how, seeded(11).torch, draws=1)
    density = 0.4 if how == "five neighbours" else 1.0
    u, A = graphs.sample_graph(W, n, seeded(11).torch, density=density)
    theta = graphs.gntk(A / (n * density), graphs.opinion_task(u, A)[0])
    v, w = graphs.quadrature()
    limit = graphs.graphon_ntk(W, u, v, w).numpy()
    kernel = np.linalg.norm(theta.numpy() - limit) / np.linalg.norm(limit)
    top = np.linalg.eigvals(graphs.graphon_ntk(W, v, v, w).numpy() * w.numpy()).real
    top, mine = np.sort(top)[::-1][:5], np.linalg.eigvalsh(theta.numpy() / n)[::-1][:5]
    wanted = [kernel, np.sqrt(np.mean((mine / top - 1) ** 2))]
    np.testing.assert_allclose(got, wanted, rtol=1e-6)


def test_largest_factor_does_not_care_which_is_larger():
    p, q = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 1.0, 12.0])
    assert graphs.largest_factor(p, q) == pytest.approx(4)
    assert graphs.largest_factor(q, p) == pytest.approx(4)


def test_graphs_joined_graphs_have_no_edges_between_them():
    rules = [graphs.GRAPHONS[name] for name in ("communities", "seniority")]
    S, X, y, truth = graphs.joined_graphs(*rules, (200, 300), seeded(12).torch)
    assert (S[:200, 200:] == 0).all() and (S[200:, :200] == 0).all()
    assert set(S[:200, :200].unique().tolist()) == {0, 1 / 200}
    assert set(S[200:, 200:].unique().tolist()) == {0, 1 / 300}
    assert X.shape == (500, 2)
    assert ((y - truth).std() / truth.std()).item() == pytest.approx(0.1, abs=0.01)
    alone = graphs.opinion_task(torch.acos(X[:200, 1]) / (3 * math.pi), S[:200, :200])[1]
    torch.testing.assert_close(truth[:200], alone)


def test_fit_error_is_gradient_flow_scored_on_the_scored_nodes():
    draw = np.random.default_rng(13)
    root, y, truth = draw.normal(size=(9, 9)), *draw.normal(size=(2, 9))
    theta, few, scored = root @ root.T, [0, 2, 5, 7], [1, 8]
    got = graphs.fit_error(*map(torch.tensor, (theta, y, truth, few, scored)))
    inner, outer = theta[np.ix_(few, few)] / 4, theta[np.ix_(scored, few)] / 4
    for k in (3, 10):
        t = graphs.TIMES[k].item()
        f = outer @ np.linalg.solve(inner, (np.eye(4) - expm(-t * inner)) @ y[few])
        wanted = np.linalg.norm(f - truth[scored]) / np.linalg.norm(truth[scored])
        assert got[k].item() == pytest.approx(wanted, abs=1e-8)
