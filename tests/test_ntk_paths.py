"""The page on paths: schemes, networks and signatures against loops, SciPy and numbers by hand."""

import math

import numpy as np
import pytest
import torch
from scipy import special

from helpers import chapter, seeded

paths = chapter("ntk/paths")
ACTIVATIONS = pytest.mark.parametrize("act", [paths.IDENTITY, paths.RELU], ids=["identity", "ReLU"])


def steps(seed, *shape):
    return 0.5 * torch.randn(*shape, generator=seeded(seed).torch, dtype=torch.float64)


def relu_mean(s1, s12, s2):
    root = math.sqrt(s1 * s2)
    angle = math.acos(max(-1.0, min(1.0, s12 / root)))
    return root / (2 * math.pi) * (math.sin(angle) + (math.pi - angle) * math.cos(angle))


def grid_by_loops(dx, dy, relu, sigma_b=0.0):
    """K for all pairs of times of two paths (M, d), from the triple xx, xy, yy, cell by cell."""

    def grid(a, b, left, right):
        K = np.ones((len(a) + 1, len(b) + 1))
        order = sorted((i, j) for i in range(len(a)) for j in range(len(b)))
        for i, j in sorted(order, key=lambda c: (max(c), min(c))):
            s1, s2 = (K[i, i], K[j, j]) if left is None else (left[i], right[j])
            V = 2 * relu_mean(s1, K[i, j], s2) if relu else K[i, j]
            p = float(np.dot(a[i], b[j]))
            K[i + 1, j + 1] = K[i + 1, j] + K[i, j + 1] - K[i, j] + (V + sigma_b**2) * p
        return K

    xx, yy = (np.diag(grid(a, a, None, None)) for a in (dx, dy))
    return grid(dx, dy, xx, yy)


@ACTIVATIONS
@pytest.mark.parametrize("sigma_b", [0.0, 0.6])
def test_kernel_is_the_scheme_cell_by_cell(act, sigma_b):
    dx, dy = steps(1, 2, 4, 3), steps(2, 3, 6, 3)
    rows = torch.stack(list(paths.kernel_rows(dx, dy, act, sigma_b)), 2)
    assert rows.shape == (2, 3, 5, 7)
    var = paths.variances(dx, act, sigma_b)
    for p in range(2):
        for q in range(3):
            wanted = grid_by_loops(dx[p].numpy(), dy[q].numpy(), act is paths.RELU, sigma_b)
            np.testing.assert_allclose(rows[p, q], wanted, atol=1e-10)
        own = grid_by_loops(dx[p].numpy(), dx[p].numpy(), act is paths.RELU, sigma_b)
        np.testing.assert_allclose(var[p], np.diag(own), atol=1e-10)
    torch.testing.assert_close(paths.path_kernel(dx, dy, act, sigma_b), rows[..., -1, -1])


def test_kernel_of_one_step_and_of_two_by_hand():
    one = torch.tensor([[[0.3, 0.4]]]).double()
    assert paths.path_kernel(one, 2 * one, paths.IDENTITY).item() == pytest.approx(1.5)
    two = torch.tensor([[[0.5], [0.2]]]).double()
    wanted = 1 + 0.7**2 + (0.5 * 0.2) ** 2
    assert paths.path_kernel(two, two, paths.IDENTITY).item() == pytest.approx(wanted)
    strong = paths.IDENTITY._replace(sigma_A=2.0)
    assert paths.path_kernel(one, one, strong).item() == pytest.approx(2.0)


@ACTIVATIONS
def test_kernel_at_the_edges(act):
    dx = steps(3, 3, 5, 2)
    assert (paths.path_kernel(0 * dx, dx, act) == 1).all()
    assert (paths.path_kernel(dx[:, :0], dx, act) == 1).all()
    assert paths.path_kernel(dx[:0], dx, act).shape == (0, 3)
    assert paths.path_kernel(dx.float(), dx.float(), act).dtype == torch.float32
    twice = paths.path_kernel(dx[[0, 0]], dx, act)
    assert (twice[0] == twice[1]).all()
    broken = dx.clone()
    broken[1, 2, 0] = math.nan
    got = paths.path_kernel(broken, dx, act)
    assert got[1].isnan().all() and not got[[0, 2]].isnan().any()
    with pytest.raises(ValueError, match="dx has 2 coordinates, dy 1"):
        paths.path_kernel(dx, dx[..., :1], act)


def test_variance_of_a_straight_path_is_a_sum_of_squared_binomials():
    line = torch.tensor([0.9, -0.3]).double().expand(1, 7, 2) / 7
    wanted = sum(math.comb(7, m) ** 2 * (0.9 / 49) ** m for m in range(8))
    assert paths.variances(line, paths.IDENTITY)[0, -1].item() == pytest.approx(wanted)


@ACTIVATIONS
@pytest.mark.parametrize("shared", [True, False], ids=["shared", "fresh"])
def test_network_takes_the_steps_of_its_equation(act, shared):
    dx, N, starts = steps(4, 2, 3, 2), 4, 3
    h = paths.controlled_resnet(dx, N, act, seeded(5).torch, shared, starts)
    assert h.shape == (4, N, 6)
    draw = {"generator": seeded(5).torch, "dtype": torch.float64}
    first = torch.randn(N, starts, **draw).numpy()
    weights = [torch.randn(2, N, N, **draw).numpy() for _ in range(1 if shared else 3)]
    scale = act.sigma_A / 2 * (1 if shared else math.sqrt(3))
    for r in range(starts):
        for p in range(2):
            state = first[:, r]
            for i in range(3):
                A = scale * weights[0 if shared else i]
                phi = np.maximum(state, 0) if act is paths.RELU else state
                state = state + sum(A[k] @ phi * dx[p, i, k].item() for k in range(2))
            np.testing.assert_allclose(h[-1, :, 2 * r + p], state, atol=1e-10)


def test_first_step_of_a_wide_network_has_the_variance_of_the_equation():
    dx = torch.tensor([[[0.6, 0.8]]]).double()
    for act in (paths.IDENTITY, paths.RELU):
        h = paths.controlled_resnet(dx, 1500, act, seeded(6).torch)[:, :, 0]
        assert (h[1] - h[0]).square().mean().item() == pytest.approx(1, abs=0.15)


def test_state_covariance_is_the_mean_over_starts():
    h = steps(7, 5, 6)
    got = paths.state_covariance(h.float(), 3)
    wanted = sum(h[:, 2 * r : 2 * r + 2].T @ h[:, 2 * r : 2 * r + 2] for r in range(3)) / 15
    assert got.dtype == torch.float64
    torch.testing.assert_close(got, wanted, atol=1e-5, rtol=0)


def test_fresh_kernel_is_a_product_without_activation_and_a_loop_with_relu():
    dx = steps(8, 3, 4, 2)
    inner = torch.einsum("pmd,qmd->pqm", dx, dx)
    torch.testing.assert_close(paths.fresh_kernel(dx, paths.IDENTITY), (1 + 4 * inner).prod(-1))
    K = np.ones((3, 3))
    for i in range(4):
        V = [[relu_mean(K[p, p], K[p, q], K[q, q]) for q in range(3)] for p in range(3)]
        K = K + 2 * np.array(V) * 4 * inner[..., i].numpy()
    np.testing.assert_allclose(paths.fresh_kernel(dx, paths.RELU), K, atol=1e-10)


def test_signature_of_a_square_and_of_joined_paths():
    square = torch.tensor([[0, 0], [2, 0], [2, 3], [0, 3], [0, 0]]).double()
    levels = paths.signature(square, 3)
    assert [len(level) for level in levels] == [1, 2, 4, 8]
    assert levels[0].item() == 1 and levels[1].tolist() == [0, 0]
    second = levels[2].view(2, 2)
    assert (second[0, 1] - second[1, 0]).item() / 2 == pytest.approx(6)
    line = paths.signature(torch.tensor([[1.0, 1.0], [1.5, 0.2]]).double(), 3)
    a = torch.tensor([0.5, -0.8]).double()
    torch.testing.assert_close(line[3], torch.einsum("i,j,k->ijk", a, a, a).flatten() / 6)
    x = steps(9, 5, 2)
    one, two, three = (level.numpy() for level in paths.signature(x, 3)[1:])
    np.testing.assert_allclose(np.outer(one, one), (two.reshape(2, 2) + two.reshape(2, 2).T))
    three, two = three.reshape(2, 2, 2), two.reshape(2, 2)
    shuffle = three[0, 0, 1] + three[0, 0, 1] + three[0, 1, 0]
    assert one[0] * two[0, 1] == pytest.approx(shuffle)


def test_extrapolated_kernel_of_lines_is_bessel_s():
    for v, w in (([1.0, 0.2], [0.7, 0.6]), ([0.5, 1.1], [-0.8, 0.9])):
        ends = [torch.tensor([[0.0, 0.0], z]).double() for z in (v, w)]
        c = float(np.dot(v, w))
        wanted = special.i0(2 * math.sqrt(c)) if c > 0 else special.j0(2 * math.sqrt(-c))
        assert paths.extrapolated(*ends, 100) == pytest.approx(wanted, abs=1e-3)


def test_refined_polygons_keep_their_corners():
    corners = steps(10, 4, 2)
    small = paths.refined(corners, 5)
    assert small.shape == (1, 15, 2)
    torch.testing.assert_close(small.cumsum(1)[0, 4::5], corners[1:] - corners[0])


def test_shapes_are_what_their_names_say():
    found = paths.shapes(200)
    area = {
        name: (x[:-1, 0] * x[1:, 1] - x[:-1, 1] * x[1:, 0]).sum().item() / 2
        for name, x in found.items()
    }
    assert area["anticlockwise loop"] == pytest.approx(0.16 * math.pi, rel=1e-2)
    assert area["clockwise loop"] == pytest.approx(-0.16 * math.pi, rel=1e-2)
    assert area["figure eight"] == pytest.approx(0, abs=1e-10)
    assert found["line"][-1].norm().item() == pytest.approx(1)
    assert found["spiral"][-1].norm().item() == pytest.approx(0.4)
    assert paths.increments(7).shape == (5, 7, 2)


def test_distance_and_cosines_by_hand():
    K = torch.tensor([[4.0, 3.0], [3.0, 9.0]]).double()
    assert paths.cosines(K).tolist() == [0.5]
    assert paths.distance(torch.stack([K, 2 * K]), K).tolist() == pytest.approx([0.0, 1.0])


def test_mean_covariance_approaches_the_kernel():
    dx = paths.increments(10)[:3]
    for shared, limit in (
        (True, paths.path_kernel(dx, dx, paths.IDENTITY)),
        (False, paths.fresh_kernel(0.3 * dx, paths.IDENTITY)),
    ):
        given = dx if shared else 0.3 * dx
        rng = seeded(11).torch
        got = paths.mean_covariance(given, paths.IDENTITY, 200, 12, rng, shared)
        assert paths.distance(got, limit) < 0.08


def test_paced_loops_are_one_loop_at_many_paces():
    dx = paths.paced(50)
    assert dx.shape == (len(paths.PACES) + 2, 50, 2)
    torch.testing.assert_close(dx.sum(1), torch.zeros_like(dx[:, 0]))
    length = dx.norm(dim=2)
    torch.testing.assert_close(length[0], length[0].mean().expand(50))
    i = paths.PACES.index(max(paths.PACES)) + 1
    assert length[i, 0] < 1e-3 * length[i, -1]
    torch.testing.assert_close(dx[-1], -dx[0].flip(0))  # backwards


def test_random_loops_run_in_their_direction_at_their_pace():
    x, label = paths.random_loops(40, 60, 0.0, 0.0, np.random.default_rng(12))
    assert x.shape == (40, 61, 2) and label.sum() == 0
    area = (x[:, :-1, 0] * x[:, 1:, 1] - x[:, :-1, 1] * x[:, 1:, 0]).sum(1)
    assert (area.sign() == label).all()
    torch.testing.assert_close(x[:, 0], x[:, -1], atol=1e-9, rtol=0)
    uneven = paths.random_loops(40, 60, 2.0, 0.0, np.random.default_rng(12))[0].diff(dim=1)
    even = x.diff(dim=1).norm(dim=2)
    spread = [(z.max(1).values / z.min(1).values).median() for z in (even, uneven.norm(dim=2))]
    assert spread[0] < 3 and spread[1] > 20
    noisy = paths.random_loops(40, 60, 0.0, 0.1, np.random.default_rng(12))[0]
    assert (noisy - x).std().item() == pytest.approx(0.1, abs=0.01)


def test_warping_is_the_best_monotone_matching():
    x, y = steps(13, 2, 4, 2), steps(14, 3, 5, 2)

    def least(a, b):
        cost = float(((a[0] - b[0]) ** 2).sum())
        rest = [
            least(a[i:], b[j:]) for i, j in ((1, 0), (0, 1), (1, 1)) if len(a) > i and len(b) > j
        ]
        return cost + min(rest, default=0.0)

    wanted = [[least(a, b) for b in y.numpy()] for a in x.numpy()]
    np.testing.assert_allclose(paths.warping(x, y), wanted, atol=1e-10)
    slow = x[:, [0, 0, 1, 2, 2, 2, 3]]
    assert paths.warping(x, slow).diagonal().abs().max() == 0


def test_ridge_accuracy_counts_the_signs_after_the_training_set():
    draw = np.random.default_rng(15)
    root, label = draw.normal(size=(12, 6)), np.sign(draw.normal(size=12))
    K = root @ root.T
    for n, penalty in ((5, 0.3), (7, 2.0)):
        c = np.linalg.solve(K[:n, :n] + penalty * np.eye(n), label[:n])
        wanted = np.mean(np.sign(K[n:, :n] @ c) == label[n:])
        got = paths.ridge_accuracy(torch.tensor(K), torch.tensor(label), n, penalty)
        assert got == pytest.approx(wanted)
