"""The telescope page's definitions against autograd, scikit-learn, closed forms and loops."""

import numpy as np
import pytest
import torch
from sklearn.tree import DecisionTreeRegressor
from torch import nn

from helpers import chapter, seeded

telescope = chapter("ntk/telescope")
ntk = chapter("ntk")


def stacked(models: list[nn.Module]) -> dict[str, torch.Tensor]:
    names = [name for name, _ in models[0].named_parameters()]
    return {k: torch.stack([dict(m.named_parameters())[k].detach() for m in models]) for k in names}


@pytest.fixture
def networks():
    draw = seeded(91).torch
    models = [ntk.ntk_mlp([3, 6, 1]) for _ in range(2)]
    x = torch.randn(5, 3, dtype=torch.float64, generator=draw)
    return models, x, x[:, :1].sin(), torch.randn(4, 3, dtype=torch.float64, generator=draw)


def test_outputs_gradients_and_slopes_are_those_of_each_network(networks):
    models, x, y, probe = networks
    weights = stacked(models)
    got = telescope.outputs(models[0], weights, probe)
    kept = torch.tensor([[1.0, 0, 1, 1, 1], [1, 1, 1, 0, 0]]).double()
    target = torch.cat([y.T, 2 * y.T])
    down = telescope.gradient(models[0], weights, x, target, kept)
    rise = telescope.slope(models[0], weights, probe, down)
    for r, model in enumerate(models):
        torch.testing.assert_close(got[r], model(probe)[:, 0].detach())
        parameters = list(model.parameters())
        loss = (kept[r] * (model(x)[:, 0] - target[r]) ** 2).sum() / 5 / 2
        wanted = torch.autograd.grad(loss, parameters)
        for (name, _), g in zip(model.named_parameters(), wanted):
            torch.testing.assert_close(down[name][r], g)
        for m in range(4):
            each = torch.autograd.grad(model(probe[m : m + 1]).sum(), parameters)
            along = sum((a * b).sum() for a, b in zip(each, wanted))
            assert rise[r, m].item() == pytest.approx(along.item())


def test_the_sum_and_the_single_linearisation_in_a_loop(networks):
    models, x, y, probe = networks
    found = telescope.follow(models, x, y, probe, 0.3, 4, 2)
    assert found["network"].shape == (2, 2, 4)
    model = models[1]
    parameters = list(model.parameters())
    start = [p.detach().clone() for p in parameters]
    f_0, aim = model(probe).detach(), model(x).detach() + y
    slopes_0 = [torch.autograd.grad(model(z[None]).sum(), parameters) for z in probe]
    total = torch.zeros(4, dtype=torch.float64)
    for _ in range(4):
        slopes = [torch.autograd.grad(model(z[None]).sum(), parameters) for z in probe]
        down = torch.autograd.grad(((model(x) - aim) ** 2).mean() / 2, parameters)
        for m in range(4):
            total[m] -= 0.3 * sum((a * b).sum() for a, b in zip(slopes[m], down))
        for p, g in zip(parameters, down):
            p.data -= 0.3 * g
    torch.testing.assert_close(found["at each step"][-1, 1], total)
    torch.testing.assert_close(found["network"][-1, 1], (model(probe) - f_0)[:, 0].detach())
    whole = [p.detach() - s for p, s in zip(parameters, start)]
    once = [sum((a * b).sum() for a, b in zip(row, whole)) for row in slopes_0]
    torch.testing.assert_close(found["linearised once"][-1, 1], torch.stack(once))


def test_a_linear_network_needs_no_telescope():
    linear = [nn.Linear(3, 1, bias=False).double() for _ in range(3)]
    x = torch.randn(6, 3, dtype=torch.float64, generator=seeded(92).torch)
    found = telescope.follow(linear, x, x[:, :1], x, 0.1, 6, 3)
    for name in ("at each step", "linearised once"):
        assert telescope.relative_error(found, name).max() < 1e-12


def test_the_relative_error_is_a_median_over_networks():
    truth = torch.tensor([[[3.0, 4.0], [1.0, 0.0], [0.0, 2.0]]])
    found = {"network": truth, "other": truth + torch.tensor([[[0, 1.0], [0.5, 0], [0, 4.0]]])}
    assert telescope.relative_error(found, "other").tolist() == [0.5]


def test_kernel_steps_are_descent_for_a_linear_model():
    draw = seeded(93).torch
    phi = torch.randn(9, 4, dtype=torch.float64, generator=draw)
    goal, theta = phi[:6].sum(1), torch.zeros(4, dtype=torch.float64)
    K, F, S = phi @ phi[:6].T, torch.zeros(9, 1).double(), torch.zeros(9, 6).double()
    kept = torch.ones(6, 1, dtype=torch.float64)
    kept[2] = 0
    G, without = torch.zeros(9, 1).double(), torch.zeros(4, dtype=torch.float64)
    for _ in range(12):
        F = telescope.kernel_step(F, K, goal[:, None], 0.2)
        S = telescope.kernel_step(S, K, torch.eye(6).double(), 0.2)
        G = telescope.kernel_step(G, K, goal[:, None], 0.2, kept)
        theta = theta - 0.2 / 6 * phi[:6].T @ (phi[:6] @ theta - goal)
        wrong = kept[:, 0] * (phi[:6] @ without - goal)
        without = without - 0.2 / 6 * phi[:6].T @ wrong
    torch.testing.assert_close(F[:, 0], phi @ theta)
    torch.testing.assert_close(S @ goal, phi @ theta)
    torch.testing.assert_close(G[:, 0], phi @ without)


def test_effective_parameters_of_least_squares_and_their_meaning():
    draw = np.random.default_rng(94)
    A, B = draw.normal(size=(12, 5)), draw.normal(size=(7, 5))
    inverse = np.linalg.pinv(A)
    assert telescope.effective_parameters(torch.tensor(A @ inverse)) == pytest.approx(5)
    labels = draw.normal(size=(40000, 12))
    variance = np.var(labels @ (B @ inverse).T, axis=0).mean()
    got = telescope.effective_parameters(torch.tensor(B @ inverse))
    assert got == pytest.approx(12 * variance, rel=0.03)
    assert telescope.effective_parameters(torch.zeros(3, 4)) == 0


def test_parts_of_a_smoother():
    S = torch.tensor([[1.0, 0.0], [0.0, 0.5], [2.0, 1.0]])
    f, labels = torch.tensor([1.0, 1.0, 3.0]), torch.tensor([2.0, 1.0, 2.0])
    p, shares = telescope.parts(S, f, labels)
    assert p == pytest.approx((1.25, 10.0))
    assert shares == pytest.approx((0.2, 0.25))


def test_the_polynomial_network_is_trained_as_autograd_trains_it():
    draw = seeded(95).torch
    X = torch.randn(9, 4, dtype=torch.float64, generator=draw)
    W = torch.randn(6, 4, dtype=torch.float64, generator=draw)
    y = X[:6, 0].square()
    for alpha, curve in ((1.0, 0.25), (3.0, 0.6)):
        found = telescope.polynomial_run(X, y, W, alpha, 0.3, 4, 2, curve)
        assert [m["t"] for m in found] == [0, 2, 4]

        def f(V, alpha=alpha, curve=curve):
            H = X @ V.T
            return alpha * (H + curve / 2 * H**2).mean(1)

        V, kernel_f = W.clone().requires_grad_(), torch.zeros(9, dtype=torch.float64)
        S = torch.zeros(9, 6, dtype=torch.float64)
        for _ in range(4):
            rows = torch.autograd.functional.jacobian(f, V.detach()).flatten(1)
            K, rate = rows @ rows[:6].T, 0.3 * 6 / alpha**2
            S = S + rate / 6 * K @ (torch.eye(6).double() - S[:6])
            kernel_f = kernel_f + rate / 6 * K @ (y - kernel_f[:6])
            loss = ((f(V) - f(W))[:6] - y).square().mean() / 2
            V.data -= rate * torch.autograd.grad(loss, V)[0]
        torch.testing.assert_close(found[-1]["f"], (f(V) - f(W)).detach())
        torch.testing.assert_close(found[-1]["S"], S)
        torch.testing.assert_close(found[-1]["S"] @ y, kernel_f)


def test_a_tree_is_its_kernel():
    draw = np.random.default_rng(96)
    x, y, z = draw.normal(size=(40, 3)), draw.normal(size=40), draw.normal(size=(11, 3))
    tree = DecisionTreeRegressor(max_depth=3, random_state=0).fit(x, y)
    K = telescope.tree_kernel(tree.apply(z), tree.apply(x))
    assert K.shape == (11, 40)
    np.testing.assert_allclose(K @ y, tree.predict(z))
    np.testing.assert_allclose(K.sum(1), 1)
    assert np.linalg.norm(K, axis=1).max() <= 1
    none = telescope.tree_kernel(np.array([7]), np.array([1, 2]))
    assert (none == 0).all()


def test_lengths_are_relative_to_the_training_inputs_and_averaged_over_steps():
    first = np.array([[3.0, 4.0], [1.0, 0.0], [0.0, 3.0]])
    second = np.array([[6.0, 8.0], [0.0, 4.0], [4.0, 0.0]])
    got = telescope.lengths(np.stack([first, second]), np.array([0]), np.array([1, 2]))
    assert got == pytest.approx((5 / 2 + 10 / 4) / 2)
    got = telescope.lengths(np.stack([first, 2 * first]), np.array([0, 1]), np.array([2]))
    assert got == pytest.approx(1.0)


def test_networks_without_each_sample_and_their_replay():
    draw = seeded(97).torch
    x = torch.randn(4, 3, dtype=torch.float64, generator=draw)
    both = torch.cat([x, torch.randn(2, 3, dtype=torch.float64, generator=draw)])
    y = x[:, 0].cos()
    seeded(98)
    model = ntk.ntk_mlp([3, 5, 1])
    weights = [p.detach().clone() for p in model.parameters()]
    f, kernels = telescope.leave_outs(model, x, y, both, 0.4, 3)
    assert f.shape == (6, 5) and len(kernels) == 3
    for i in range(5):
        twin = ntk.ntk_mlp([3, 5, 1])
        for p, w in zip(twin.parameters(), weights):
            p.data = w.clone()
        f_0, rest = twin(both).detach()[:, 0], [j for j in range(4) if j != i]
        for t in range(3):
            if i == 4:
                wanted = ntk.naive_ntk(twin, both, x)[:, 0, :, 0]
                torch.testing.assert_close(kernels[t], wanted.detach())
            gap = twin(both)[:, 0][rest] - f_0[rest] - y[rest]
            parameters = list(twin.parameters())
            for p, g in zip(parameters, torch.autograd.grad((gap**2).sum() / 8, parameters)):
                p.data -= 0.4 * g
        torch.testing.assert_close(f[:, i], twin(both)[:, 0].detach() - f_0)
    again, plain = telescope.replay(kernels, y, 0.4), torch.zeros(6).double()
    for K in kernels:
        plain = plain + 0.1 * K @ (y - plain[:4])
    torch.testing.assert_close(again[:, 4], plain)
    single = torch.zeros(6).double()
    for K in kernels:
        single = single + 0.1 * K[:, 1:] @ (y - single[:4])[1:]
    torch.testing.assert_close(again[:, 0], single)


def test_the_unexplained_share_is_zero_for_a_line_and_one_for_noise_at_right_angles():
    truth = torch.tensor([[1.0, -1, 2, -2], [3, 0, 0, 1]])
    assert telescope.unexplained(2 * truth + 1, truth) == pytest.approx(0, abs=1e-6)
    across = torch.tensor([[2.0, 2, -1, -1]])
    assert telescope.unexplained(across, torch.tensor([[1.0, -1, 1, -1]])) == pytest.approx(1)
    draw = np.random.default_rng(99)
    a, b = draw.normal(size=(2, 3, 8))
    wanted = 1 - np.mean([np.corrcoef(u, v)[0, 1] ** 2 for u, v in zip(a, b)])
    assert telescope.unexplained(torch.tensor(a), torch.tensor(b)) == pytest.approx(wanted)
