"""The chapter on physics-informed networks against SymPy, SciPy, closed forms and dense algebra."""

import math

import numpy as np
import pytest
import sympy
import torch
from scipy.integrate import quad, solve_bvp
from scipy.optimize import least_squares
from torch.func import jacrev

from helpers import chapter, seeded

pinns, precision = chapter("pinns"), chapter("pinns/precision")
where = chapter("pinns/points")

X, T = sympy.symbols("x t", real=True)
ENGINES = pytest.mark.parametrize("derive", [pinns.jet, pinns.taylor, pinns.backward])

# Each formula twice: for SymPy, and for columns that are tensors or Taylors.
FORMULAS = {
    "tanh": (sympy.tanh(2 * X * T - X), lambda x, t: (x * t * 2 - x).tanh()),
    "waves": (sympy.sin(3 * X) * sympy.cos(X * T), lambda x, t: (x * 3).sin() * (x * t).cos()),
    "quotient": (sympy.exp(-X * T) / (2 + X**2), lambda x, t: (x * t * -1).exp() / (x**2 + 2)),
    "reversed": (3 - X**3 * (1 - T) ** 2, lambda x, t: 3 - x**3 * (1 - t) ** 2),
}
FORMULA = pytest.mark.parametrize("name", FORMULAS)


def points(n: int = 40, stream: int = 1) -> torch.Tensor:
    """Random points (x, t) in [0.2, 1.2]^2."""
    return torch.rand(n, 2, dtype=torch.float64, generator=seeded(stream).torch) + 0.2


def function(name: str):
    """The formula as a function of points."""
    return lambda z: FORMULAS[name][1](z[..., 0], z[..., 1])


def values(expression, z: torch.Tensor) -> np.ndarray:
    """A SymPy expression in x and t at points."""
    return sympy.lambdify((X, T), expression)(*z.T.numpy()) * np.ones(len(z))


def close(got: torch.Tensor, wanted, atol: float = 1e-8) -> bool:
    wanted = np.asarray(wanted)
    return got.shape == wanted.shape and bool(np.abs(got.detach().numpy() - wanted).max() <= atol)


@FORMULA
class TestDerivatives:
    @ENGINES
    def test_engines_agree_with_sympy(self, name, derive):
        z, f = points(), FORMULAS[name][0]
        u, (u_x, u_xx), (u_t, u_tt) = derive(function(name), z, (2, 2))
        assert close(u, values(f, z))
        assert close(u_x, values(f.diff(X), z)) and close(u_xx, values(f.diff(X, 2), z))
        assert close(u_t, values(f.diff(T), z)) and close(u_tt, values(f.diff(T, 2), z))
        assert derive(function(name), z, (0, 1))[1] == ()

    def test_operators_agree_with_sympy(self, name):
        z, f, u = points(), FORMULAS[name][0], function(name)
        assert close(pinns.d(u, 1)(z), values(f.diff(T), z))
        assert close(pinns.d(pinns.d(u, 1), 0)(z), values(f.diff(X, T), z))
        slopes = np.stack([values(f.diff(v), z) for v in (X, T)], 1)
        assert close(pinns.gradient(u)(z), slopes)
        assert close(pinns.laplacian(u)(z), values(f.diff(X, 2) + f.diff(T, 2), z))

    @ENGINES
    def test_residuals_are_the_equations(self, name, derive):
        z, f, u = points(), FORMULAS[name][0], function(name)
        laws = {
            pinns.heat(u, 0.3, derive): f.diff(T) - 0.3 * f.diff(X, 2),
            pinns.burgers(u, 0.3, derive): f.diff(T) + f * f.diff(X) - 0.3 * f.diff(X, 2),
            pinns.convection(u, 7.0, derive): f.diff(T) + 7 * f.diff(X),
        }
        for residual, law in laws.items():
            assert close(residual(z), values(law, z))

    @ENGINES
    def test_lagrangian_residuals_are_the_equation_along_a_path(self, name, derive):
        """A law for v(x, t) in the frame x(X, t), with the labels' derivatives by SymPy."""
        z, place = points(), X + T * sympy.sin(X) / 3

        def x(z):
            return z[..., 0] + z[..., 1] * z[..., 0].sin() / 3

        def u(z):
            return FORMULAS[name][1](x(z), z[..., 1])

        f = FORMULAS[name][0]
        along = np.stack([values(place, z), z[:, 1].numpy()])
        drift = values(place.diff(T), z)
        wanted = (
            sympy.lambdify((X, T), f.diff(T))(*along)
            + drift * sympy.lambdify((X, T), f.diff(X))(*along)
            - 0.3 * sympy.lambdify((X, T), f.diff(X, 2))(*along)
        )
        assert close(pinns.carried(x, u, 0.3, derive)(z), wanted)
        speed = pinns.path(x, u, lambda v: v**2, derive)(z)
        assert close(speed, drift - sympy.lambdify((X, T), f)(*along) ** 2)


@ENGINES
def test_poissons_residual_is_the_equation(derive):
    z, f = points()[:, :1], sympy.sin(3 * X) * sympy.exp(X)
    residual = pinns.poisson(
        lambda x: (x[..., 0] * 3).sin() * x[..., 0].exp(), lambda x: x[..., 0] ** 2, derive
    )
    assert close(residual(z), sympy.lambdify(X, f.diff(X, 2) + X**2)(z[:, 0].numpy()))


@pytest.mark.parametrize("activation", ["tanh", "sin"])
def test_a_network_is_its_formula(activation):
    """Weights and derivatives of a 2-3-1 network, written out symbolically."""
    net, z = pinns.MLP([2, 3, 1], activation), points(7)
    theta = torch.randn(net.P, dtype=torch.float64, generator=seeded(2).torch)
    W, b = theta[:6].view(2, 3).tolist(), theta[6:9].tolist()
    v, c = theta[9:12].tolist(), theta[12].item()
    sigma = getattr(sympy, activation)
    f = c + sum(v[j] * sigma(W[0][j] * X + W[1][j] * T + b[j]) for j in range(3))
    u, (u_x, u_xx), (u_t,) = pinns.taylor(lambda z: net(theta, z), z, (2, 1))
    assert close(net(theta, z), values(f, z)) and close(u, values(f, z))
    assert close(u_x, values(f.diff(X), z)) and close(u_t, values(f.diff(T), z))
    assert close(u_xx, values(f.diff(X, 2), z))


def test_copies_and_outputs_of_a_network():
    net, x = pinns.MLP([2, 8, 3]), points(5)
    theta = net.init(seeded(3).torch, (2, 4))
    assert net.outputs(theta, x).shape == (2, 4, 5, 3) and net(theta, x).shape == (2, 4, 5)
    assert torch.allclose(net(theta, x)[1, 2], net(theta[1, 2], x), rtol=0, atol=1e-14)
    own = torch.stack([x, x + 1, x - 1, 2 * x])
    assert torch.allclose(net(theta, own)[0, 3], net(theta[0, 3], 2 * x))
    wide = pinns.MLP([100, 100, 1]).init(seeded(4).torch)
    assert wide[:10_000].std().item() == pytest.approx(0.1, rel=0.05)
    assert wide[10_000:10_100].abs().max() == 0


@pytest.mark.parametrize("order", [0, 1, 2])
def test_joined_columns_carry_their_derivatives(order):
    z = points(6)

    def u(z):
        x, t = z[..., 0], z[..., 1]
        return pinns.join(x.cos(), x.sin(), t)[..., order]

    for derive in (pinns.jet, pinns.taylor):
        found = derive(u, z, (2, 1))
        wanted = pinns.backward(u, z, (2, 1))
        for group, other in zip(found[1:], wanted[1:]):
            assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(group, other))


def random_theta(net, *copies: int, stream: int = 5) -> torch.Tensor:
    return torch.randn(*copies, net.P, dtype=torch.float64, generator=seeded(stream).torch)


class TestConditions:
    def test_hard_forms_hold_for_every_network(self):
        theta = random_theta(pinns.SMALL, 5)
        ends = pinns.hard(theta)(pinns.ENDS)
        assert torch.equal(ends, torch.tensor([-0.5, 0.5], dtype=torch.float64).expand(5, 2))
        x = torch.linspace(-1, 1, 9, dtype=torch.float64)
        first, rims = torch.stack([x, 0 * x], 1), torch.tensor([[-1.0, 0.7], [1.0, 0.2]]).double()
        for trial, net, start in (
            (pinns.burgers_trial, pinns.BURGERS, -(math.pi * x).sin()),
            (pinns.rod_trial, pinns.ROD, pinns.rod_start(x)),
        ):
            theta = random_theta(net, 5)
            theta = torch.cat([theta, theta[:, :1]], 1) if trial is pinns.rod_trial else theta
            assert torch.allclose(trial(theta)(first), start, atol=1e-14)
            assert torch.allclose(trial(theta)(rims), torch.zeros(2).double(), atol=1e-14)

    def test_hard_forms_leave_the_inside_free(self):
        theta = random_theta(pinns.SMALL)
        x = pinns.even(9)[1:-1]
        gap = pinns.hard(theta)(x) - x[:, 0] / 2
        assert torch.allclose(gap / (1 - x[:, 0] ** 2), pinns.SMALL(theta, x))

    def test_the_hard_residual_obeys_the_product_rule(self):
        theta, x = random_theta(pinns.SMALL), pinns.even(11)
        N, (N1, N2) = pinns.backward(lambda x: pinns.SMALL(theta, x), x, (2,))
        s = x[:, 0]
        wanted = (1 - s**2) * N2 - 4 * s * N1 - 2 * N + pinns.source(x)
        assert torch.allclose(pinns.poisson(pinns.hard(theta), pinns.source)(x), wanted)

    def test_the_loss_is_the_weighted_sum_of_means(self):
        weights = torch.tensor([0.5, 20.0], dtype=torch.float64)
        theta = random_theta(pinns.SMALL, 2)
        terms = pinns.poisson_terms(pinns.soft, 11, weights)
        u = pinns.soft(theta)
        inside = pinns.poisson(u, pinns.source)(pinns.even(11)).square().mean(1)
        left, right = (u(torch.full((1, 1), e).double())[:, 0] - e / 2 for e in (-1.0, 1.0))
        wanted = inside + weights * (left**2 + right**2) / 2
        assert torch.allclose(pinns.loss(theta, terms), wanted)

    def test_soft_conditions_are_met_by_training(self):
        theta = pinns.SMALL.init(seeded(6).torch, (3,))
        theta, history = pinns.solve(theta, pinns.poisson_terms(pinns.soft, 32, 10.0), steps=60)
        ends = pinns.soft(theta[history[-1].argmin()])(pinns.ENDS)
        assert torch.allclose(ends, torch.tensor([-0.5, 0.5]).double(), atol=1e-3)


class TestSolver:
    def test_the_jacobian_is_that_of_jacrev(self):
        theta = random_theta(pinns.SMALL, 3)
        weights = torch.tensor([0.1, 1.0, 30.0], dtype=torch.float64)
        J = pinns.jacobian(theta, pinns.poisson_terms(pinns.soft, 7, weights))
        for k in range(3):
            alone = pinns.poisson_terms(pinns.soft, 7, weights[k])
            wanted = jacrev(lambda theta, terms=alone: pinns.residuals(theta, terms))(theta[k])
            assert torch.allclose(J[k], wanted, rtol=1e-10, atol=1e-10)

    def test_copies_may_have_points_of_their_own(self):
        rows = torch.rand(2, 6, 3, dtype=torch.float64, generator=seeded(7).torch)
        theta = torch.cat([random_theta(pinns.ROD, 2), torch.tensor([[0.1], [0.7]])], 1)
        terms = pinns.rod_terms(points(5), rows)
        J = pinns.jacobian(theta, terms)
        alone = pinns.rod_terms(points(5), rows[1])
        wanted = jacrev(lambda theta: pinns.residuals(theta, alone))(theta[1])
        assert torch.allclose(J[1], wanted, rtol=1e-10, atol=1e-10)

    @pytest.mark.parametrize("shape", [(4, 7), (7, 4)])
    def test_the_damped_inverse_is_the_dense_one(self, shape):
        J = torch.randn(2, *shape, dtype=torch.float64, generator=seeded(8).torch)
        b = torch.randn(3, 2, shape[0], dtype=torch.float64, generator=seeded(9).torch)
        mus = torch.tensor([0.1, 1.0, 5.0]).double()[:, None].expand(3, 2)
        found = pinns.damped_inverse(J, mus)(b)
        for t in range(3):
            for k in range(2):
                A = J[k].T @ J[k] + mus[t, k] * torch.eye(shape[1])
                assert torch.allclose(found[t, k], torch.linalg.solve(A, J[k].T @ b[t, k]))

    def test_a_curved_fit_ends_where_scipys_does(self):
        x = torch.linspace(0, 3, 12, dtype=torch.float64)[:, None]
        y = 1.5 * (-0.7 * x[:, 0]).exp() + 0.2 * (5 * x[:, 0]).sin()

        def misfit(theta, rows):
            return theta[..., :1] * (theta[..., 1:] * rows[..., 0]).exp() - rows[..., 1]

        term = pinns.Term(misfit, torch.cat([x, y[:, None]], 1))
        start = torch.tensor([[1.0, 0.0], [0.3, -2.0]], dtype=torch.float64)
        theta, history = pinns.solve(start, [term], steps=60)
        best = least_squares(
            lambda p: (p[0] * np.exp(p[1] * x[:, 0].numpy()) - y.numpy()) / math.sqrt(12),
            [1.0, 0.0],
            xtol=1e-14,
        )
        assert np.abs(theta.numpy() - best.x).max() < 1e-6
        assert (history[1:] <= history[:-1]).all()
        assert history[-1, 0].item() == pytest.approx(2 * best.cost, rel=1e-10)

    def test_copies_are_solved_as_if_alone(self):
        theta = pinns.SMALL.init(seeded(10).torch, (2,))
        terms = pinns.poisson_terms(pinns.hard, 12)
        together, _ = pinns.solve(theta, terms, steps=4)
        alone, _ = pinns.solve(theta[1], terms, steps=4)
        assert torch.allclose(together[1], alone, atol=1e-8)

    def test_it_stops_once_all_are_done(self):
        theta = pinns.SMALL.init(seeded(11).torch, (2,))
        _, history = pinns.solve(theta, pinns.poisson_terms(pinns.hard, 6), until=1e-10)
        assert len(history) < 50 and history[-1].max() <= 1e-10 < history[-2].max()

    def test_adam_trains_copies_as_if_alone(self):
        """A copy's training does not depend on its neighbour. (Alone it would be rounded otherwise
        on some processors, and Adam makes whole steps of a rounded zero.)
        """
        theta = pinns.SMALL.init(seeded(12).torch, (2,))
        terms = pinns.poisson_terms(pinns.hard, 12)
        trained, history = pinns.descend(theta, terms, steps=20)
        other = torch.stack([2 * theta[0] + 0.1, theta[1]])
        beside_another, _ = pinns.descend(other, terms, steps=20)
        assert torch.allclose(trained[1], beside_another[1], atol=1e-10) and len(history) == 20
        assert not torch.allclose(trained[0], beside_another[0], atol=1e-2)


class TestReferences:
    def test_chebyshev_differentiates_and_interpolates_polynomials(self):
        x, D = pinns.chebyshev(8)
        assert torch.allclose(D @ x**7, 7 * x**6, atol=1e-11)
        at = torch.cat([torch.linspace(-1, 1, 30).double(), x[3:4]])
        assert torch.allclose(pinns.interpolate(x, x**7 - x, at), at**7 - at, atol=1e-12)

    def test_poisson_agrees_with_scipys_boundary_value_solver(self):
        x, u = pinns.poisson_spectral(lambda x: x.exp() * (4 * x).cos(), 24, 0.3, -0.2)
        found = solve_bvp(
            lambda x, y: np.stack([y[1], -np.exp(x) * np.cos(4 * x)]),
            lambda a, b: np.array([a[0] - 0.3, b[0] + 0.2]),
            np.linspace(-1, 1, 50),
            np.zeros((2, 50)),
            tol=1e-10,
            max_nodes=10**5,
        )
        assert close(u, found.sol(x.numpy())[0])

    def test_poisson_and_heat_have_their_closed_forms(self):
        x, u = pinns.poisson_spectral(lambda x: pinns.source(x[:, None]), 32, -0.5, 0.5)
        assert torch.allclose(u, pinns.poisson_truth(x[:, None]), atol=1e-11)
        times = torch.tensor([0.0, 0.1, 1.0], dtype=torch.float64)
        x, u = pinns.heat_spectral(pinns.rod_start, 0.25, times, 28)
        assert torch.allclose(u, pinns.rod_truth(x, times[:, None], 0.25), atol=1e-11)

    @pytest.mark.parametrize("nu", [0.1 / math.pi, 0.01 / math.pi])
    def test_cole_hopf_is_the_ratio_of_the_integrals(self, nu):
        for x, t in ((0.05, 0.5), (-0.4, 0.2), (0.7, 1.0)):
            spread = math.sqrt(4 * nu * t)

            def weight(s, x=x, spread=spread):
                power = -math.cos(math.pi * (x - spread * s)) / (2 * math.pi * nu)
                return math.exp(power - 1 / (2 * math.pi * nu) - s * s)

            def top(s, x=x, spread=spread, weight=weight):
                return -math.sin(math.pi * (x - spread * s)) * weight(s)

            exact = [quad(f, -12, 12, limit=400, epsabs=0, epsrel=1e-12)[0] for f in (top, weight)]
            place, moment = torch.tensor([x], dtype=torch.float64), torch.tensor([t]).double()
            ours = pinns.cole_hopf(place, moment, nu).item()
            assert ours == pytest.approx(exact[0] / exact[1], abs=1e-8)
            assert pinns.cole_hopf(place, moment, nu, 0.2).item() == pytest.approx(ours, abs=1e-10)

    def test_cole_hopf_solves_burgers_equation_from_its_start(self):
        z = torch.tensor([[0.3, 0.2], [-0.05, 0.4], [0.6, 1.0]], dtype=torch.float64)
        nu = 0.1

        def u(z):
            return pinns.cole_hopf(z[..., 0], z[..., 1], nu)

        assert pinns.burgers(u, nu, pinns.jet)(z).abs().max() < 1e-8
        x = torch.linspace(-1, 1, 9, dtype=torch.float64)
        start = pinns.cole_hopf(x, torch.zeros(1).double(), nu)
        assert torch.allclose(start, -(math.pi * x).sin(), atol=1e-12)

    @pytest.mark.parametrize("nu", [1e-3, 1e-4, 1e-5])
    def test_cole_hopf_is_right_for_small_viscosity(self, nu):
        """Off the front: u = -sin(pi (x - u t)), corrected by Burgers' viscous term to first order.

        On it: the integrals by quad, told where the peaks of the weight are.
        """
        for x, t in ((0.3, 0.2), (-0.6, 0.1), (0.05, 0.5), (0.6, 1.0)):
            spread = 2 * math.sqrt(nu * t)

            def power(s, x=x, spread=spread):
                return -math.cos(math.pi * (x - spread * s)) / (2 * math.pi * nu) - s * s

            reach = math.sqrt(1 / (math.pi * nu) + 50)
            s = np.linspace(-reach, reach, 40001)
            heights = -np.cos(np.pi * (x - spread * s)) / (2 * np.pi * nu) - s * s
            top = heights.max()
            inside = s[heights > top - 60]
            peaks = np.linspace(inside.min(), inside.max(), 12)

            def mean(f, x=x, spread=spread, power=power, top=top, peaks=peaks):
                def weighted(at):
                    return f(x - spread * at) * math.exp(power(at) - top)

                return quad(weighted, peaks[0], peaks[-1], points=peaks[1:-1], limit=2000)[0]

            wanted = -mean(lambda y: math.sin(math.pi * y)) / mean(lambda y: 1.0)
            place, moment = torch.tensor([x]).double(), torch.tensor([t]).double()
            ours = pinns.cole_hopf(place, moment, nu).item()
            assert ours == pytest.approx(wanted, abs=1e-7)
            along = -math.sin(math.pi * (x - ours * t))
            assert ours == pytest.approx(along, abs=100 * nu), "heights travel along straight lines"

    def test_a_hundred_gauss_hermite_nodes_fail_at_small_viscosity(self):
        s, w = (torch.tensor(a) for a in np.polynomial.hermite.hermgauss(100))
        x, nu = torch.linspace(-0.99, 0.99, 199).double(), 1e-4
        y = x[:, None] - 2 * math.sqrt(nu) * s
        power = -(math.pi * y).cos() / (2 * math.pi * nu)
        mass = w * (power - power.amax(-1, keepdim=True)).exp()
        hermite = -(mass * (math.pi * y).sin()).sum(-1) / mass.sum(-1)
        assert (hermite - pinns.cole_hopf(x, torch.ones(1).double(), nu)).abs().max() > 0.1

    def test_fourier_agrees_where_it_resolves_the_front_and_only_there(self):
        half = torch.tensor(0.5, dtype=torch.float64)
        gaps = {}
        for n in (512, 1024):
            x, u = pinns.burgers_spectral(0.01 / math.pi, 0.5, n, 1000)
            gaps[n] = (u - pinns.cole_hopf(x, half, 0.01 / math.pi)).abs().max().item()
        assert gaps[512] > 1e-3 and gaps[1024] < 1e-4
        x, u = pinns.burgers_spectral(0.1 / math.pi, 0.5, 128, 200)
        assert torch.allclose(u, pinns.cole_hopf(x, half, 0.1 / math.pi), atol=1e-7)

    def test_a_travelling_wave_moves_and_decays(self):
        x = 2 * math.pi / 64 * torch.arange(64, dtype=torch.float64)
        times = torch.tensor([0.0, 0.7], dtype=torch.float64)
        u = pinns.travelling((2 * x).sin(), 3.0, 0.1, times)
        wanted = math.exp(-0.4 * 0.7) * (2 * (x - 2.1)).sin()
        assert torch.allclose(u[0], (2 * x).sin()) and torch.allclose(u[1], wanted)

    def test_modes_are_counted_by_energy(self):
        Q = torch.linalg.qr(torch.randn(6, 6, generator=seeded(13).torch, dtype=torch.float64)).Q
        s = torch.tensor([3.0, 1.0, 0.1, 0.0, 0.0, 0.0], dtype=torch.float64)
        table = Q @ torch.diag(s) @ Q.T
        shares = torch.tensor([9.0, 10.0], dtype=torch.float64) / 10.01
        assert torch.allclose(pinns.mode_energy(table)[:2], shares)
        assert pinns.modes_needed(table, 0.8) == 1
        assert pinns.modes_needed(table, 0.99) == 2
        assert pinns.modes_needed(table, 0.9999) == 3


class TestEdges:
    """Inputs at which a definition must be right all the same, or say what is wrong."""

    @pytest.mark.parametrize("n", [0, 1, 2, 3, -1, 0.5])
    def test_powers_have_their_derivatives(self, n):
        u = torch.tensor([[0.0], [2.0]], dtype=torch.float64)[0 if n >= 0 and n == int(n) else 1 :]
        value, (first, second) = pinns.taylor(lambda x: x[..., 0] ** n, u, (2,))
        f = X**n if n else sympy.Integer(1)
        for got, wanted in ((value, f), (first, sympy.diff(f, X)), (second, sympy.diff(f, X, 2))):
            assert close(got, [float(wanted.subs(X, v)) for v in u[:, 0].tolist()], atol=1e-14)

    def test_a_power_and_its_gradient_are_finite_at_zero(self):
        a = torch.zeros((), dtype=torch.float64, requires_grad=True)
        x = torch.zeros(3, 1, dtype=torch.float64)
        for n in (1, 2):
            _, (first, second) = pinns.taylor(lambda x, n=n: (x[..., 0] + a) ** n, x, (2,))
            (first.sum() + second.sum()).backward()
        assert a.grad == 6

    def test_signs_quotients_and_constants(self):
        z = points()
        w = torch.linspace(1, 2, len(z), dtype=torch.float64)
        cases = {
            "minus": (lambda z: -z[..., 0], lambda z: z[..., 0] * -1),
            "inverse": (lambda z: 1 / (z[..., 0] + 1), lambda z: (z[..., 0] + 1) ** -1),
            "tensor / u": (lambda z: w / (z[..., 1] + 1), lambda z: (z[..., 1] + 1) ** -1 * w),
            "tensor - u": (lambda z: w - z[..., 1], lambda z: z[..., 1] * -1 + w),
        }
        for name, (u, plain) in cases.items():
            value, *parts = pinns.taylor(u, z, (2, 2))
            wanted, *others = pinns.backward(plain, z, (2, 2))
            assert torch.allclose(value, wanted), name
            assert all(torch.allclose(a, b) for p, q in zip(parts, others) for a, b in zip(p, q))
        for constant in (3.0, w, torch.stack([w, w])):
            value, (u_x, u_xx), (u_t,) = pinns.taylor(lambda z, c=constant: c, z, (2, 1))
            assert torch.equal(value, constant + 0 * w)
            assert not any(part.any() or part.shape != value.shape for part in (u_x, u_xx, u_t))
        assert pinns.heat(lambda z: w, 0.3)(z).abs().max() == 0

    def test_a_constant_column_has_no_derivative(self):
        z = points()
        for order in (0, 1):

            def u(z, order=order):
                columns = z[..., 0].sin(), torch.ones(len(z.value), dtype=torch.float64)
                return pinns.join(*columns[:: 1 - 2 * order])[..., order]

            value, (first,), _ = pinns.taylor(u, z, (1, 0))
            assert torch.equal(value, z[:, 0].sin()) and torch.allclose(first, z[:, 0].cos())
            other = pinns.taylor(lambda z, order=order: u(z) * 0 + 1, z, (1, 0))[1][0]
            assert not other.any()

    @ENGINES
    def test_orders_are_checked(self, derive):
        for orders in ((1, 1, 1), (-1,), *([(3,)] if derive is pinns.taylor else [])):
            with pytest.raises(ValueError, match="orders"):
                derive(function("tanh"), points(), orders)
        u, (u_x, u_xx) = derive(function("tanh"), points(), (2,))
        assert close(u_xx, values(FORMULAS["tanh"][0].diff(X, 2), points()))

    @pytest.mark.parametrize(
        ("call", "said"),
        [
            (lambda: pinns.d(torch.sin, 0, -1), "order=-1"),
            (lambda: pinns.taylor(lambda z: z[3:, 0], points(), (1,)), "last axes"),
            (lambda: pinns.MLP([3]), "widths"),
            (lambda: pinns.chebyshev(0), "n=0"),
            (lambda: pinns.cole_hopf(torch.ones(1), torch.ones(1), 0.0), "nu=0"),
            (lambda: pinns.burgers_spectral(1e-4, 3.0, 256, 8), "steps=8"),
            (lambda: pinns.relative_error(torch.ones(2, 3), torch.zeros(2, 3)), "truth"),
            (lambda: pinns.mode_energy(torch.zeros(3, 3)), "table"),
            (lambda: pinns.modes_needed(torch.eye(3), 1.0), "share=1"),
            (lambda: pinns.wave_terms(pinns.eulerian, torch.zeros(1, 1), points()), "c="),
        ],
    )
    def test_what_has_no_answer_is_named(self, call, said):
        with pytest.raises(ValueError, match=said):
            call()

    def test_an_exponent_is_a_number(self):
        with pytest.raises(TypeError, match="plain number"):
            pinns.taylor(lambda z: z[..., 0] ** z[..., 1], points(), (1,))

    def test_the_derivative_of_order_zero_is_the_function(self):
        assert pinns.d(torch.sin, 0, 0) is torch.sin

    def test_a_term_has_points_and_a_number_for_each(self):
        theta = random_theta(pinns.SMALL)

        def column(theta, x):
            return pinns.SMALL(theta, x)[..., None]

        for residual, n in ((column, 5), (pinns.SMALL, 0)):
            with pytest.raises(ValueError, match="residual of shape"):
                pinns.residuals(theta, [pinns.Term(residual, pinns.even(5)[:n])])

    def test_a_copy_that_is_not_a_number_stops_no_other(self):
        theta = pinns.SMALL.init(seeded(10).torch, (2,))
        sick = torch.cat([theta, theta[:1] * math.nan])
        terms = pinns.poisson_terms(pinns.hard, 12)
        alone, wanted = pinns.solve(theta, terms, steps=4)
        found, history = pinns.solve(sick, terms, steps=4)
        assert len(history) == 5 and torch.allclose(found[:2], alone, atol=1e-8)
        assert torch.allclose(history[:, :2], wanted) and not history[:, 2].isfinite().any()
        _, history = pinns.solve(sick, terms, steps=50, until=0.5 * wanted[0].min().item())
        assert len(history) < 50, "it stops once the others are done"
        with pytest.raises(ValueError, match="theta"):
            pinns.solve(sick[2:], terms)

    def test_copies_that_are_equal_and_rows_that_repeat_are_solved(self):
        """The Jacobian has a rank below its size; the damping makes up for it."""
        start = pinns.SMALL.init(seeded(10).torch).expand(2, -1)
        x = pinns.even(5).repeat(3, 1)
        term = pinns.Term(lambda theta, x: pinns.poisson(pinns.hard(theta), pinns.source)(x), x)
        theta, history = pinns.solve(start, [term], steps=30)
        assert torch.allclose(theta[0], theta[1]) and history[-1].max() < 1e-8 * history[0].max()

    def test_lattices_are_exact_to_double_precision(self):
        z = pinns.lattice((0, 0), (2 * math.pi, 0.3), 4, 4)
        assert z[4, 0].item() == pytest.approx(2 * math.pi / 3, rel=1e-15)
        assert z[1, 1].item() == pytest.approx(0.1, rel=1e-15)

    def test_the_networks_have_the_sizes_that_the_text_names(self):
        assert (pinns.SMALL.P, pinns.BURGERS.P, pinns.FIXED.P) == (481, 501, 2273)
        pair = pinns.PATHS.P + pinns.CARRIED.P
        assert pair == 1674 < pinns.FIXED.P, "the pair has fewer parameters"


DEVICES = pytest.mark.parametrize(
    "device",
    [
        "meta",
        pytest.param(
            "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
        ),
    ],
)


def core_calls(dtype: torch.dtype, device: str) -> dict:
    """Each definition's result, or results, for inputs on a device and in a precision.

    Without definitions that look at values (solve, wave_terms, relative_error, cole_hopf,
    mode_energy), and references that take no tensor (chebyshev, poisson_spectral, lattice).
    """
    z = torch.rand(7, 2, dtype=dtype, device=device)
    where = {"dtype": dtype, "device": device}
    theta, small = (torch.rand(2, P, **where) for P in (pinns.FIXED.P, pinns.SMALL.P))
    pair = torch.rand(2, pinns.PATHS.P + pinns.CARRIED.P, **where)
    strong = torch.rand(2, pinns.STRONG.P, **where)
    c, places = torch.ones(2, 1, **where), torch.rand(9, **where)
    term = pinns.Term(pinns.SMALL, z[:, :1], torch.ones(2, **where))
    wave = pinns.lagrangian(pair, c)
    return {
        "jet": pinns.jet(pinns.hard(small[0]), z[:, :1], (2,)),
        "taylor": pinns.taylor(pinns.strong(strong), z, (2, 1)),
        "a constant": pinns.taylor(lambda z: 1.0, z, (2, 1)),
        "strict": pinns.strict(theta, c)[1](z),
        "carried": pinns.carried(*wave, 0.1)(z),
        "path": pinns.path(*wave, lambda u: u)(z),
        "residuals": pinns.residuals(small, [term]),
        "jacobian": pinns.jacobian(small, [term]),
        "lm_step": pinns.lm_step(small, [term], torch.ones(2, **where)),
        "interpolate": pinns.interpolate(places, theta[:, :9], z[:, 0]),
        "heights": pinns.heights_at(theta, theta, places),
        "marched": pinns.marched([strong, strong], z),
        "travelling": pinns.travelling(places, 3.0, 0.1, z[:, 0]),
        "rod": pinns.rod_truth(z[:, 0], z[:, 1], 0.3),
    }


def flat(found) -> list[torch.Tensor]:
    return [found] if isinstance(found, torch.Tensor) else [t for part in found for t in flat(part)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@DEVICES
def test_definitions_keep_the_device_and_the_precision(device, dtype):
    for name, found in core_calls(dtype, device).items():
        for tensor in flat(found):
            assert tensor.device.type == device and tensor.dtype == dtype, name


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("device", ["cpu", *(["cuda"] if torch.cuda.is_available() else [])])
def test_definitions_that_look_at_values_keep_them_too(device, dtype):
    where = {"dtype": dtype, "device": device}
    z, generator = torch.rand(7, 2, **where), torch.Generator(device).manual_seed(1)
    theta = pinns.FIXED.init(generator, (2,), dtype)
    c = torch.ones(2, 1, **where)
    law = pinns.wave_terms(pinns.strict, 2.0, z)
    found = [
        theta,
        *pinns.solve(theta, law, steps=2),
        pinns.wave_errors(pinns.strict, theta, c),
        pinns.cole_hopf(z[:, 0], z[:, 1], 0.1),
        pinns.mode_energy(z),
    ]
    assert all(tensor.device.type == device and tensor.dtype == dtype for tensor in found)
    assert pinns.scatter(5, (0, 0), (1, 1), generator).device.type == device


class TestWaves:
    places = 2 * math.pi / 64 * torch.arange(64, dtype=torch.float64)

    def test_heights_are_read_between_the_pieces(self):
        """NumPy's periodic interpolation, for pieces in disorder and beyond the circle."""
        rng = seeded(30)
        x = 20 * torch.rand(2, 40, dtype=torch.float64, generator=rng.torch) - 10
        u = torch.randn(2, 40, dtype=torch.float64, generator=rng.torch)
        found = pinns.heights_at(x, u, self.places)
        for k in range(2):
            wanted = np.interp(self.places, x[k], u[k], period=2 * math.pi)
            assert close(found[k], wanted, atol=1e-12)

    def test_heights_of_pieces_at_the_places_are_their_own(self):
        u = torch.randn(3, 64, dtype=torch.float64, generator=seeded(31).torch)
        assert torch.equal(pinns.heights_at(self.places.expand(3, -1), u, self.places), u)

    def test_the_error_counts_places_that_no_piece_has_reached(self):
        """All pieces together on the crest have the right height, at one place of the circle."""
        c = torch.tensor([[3.0]], dtype=torch.float64)

        def crest(theta, c):
            return lambda z: math.pi / 2 + c * z[..., 1], lambda z: 0 * z[..., 0] + 1

        def flat_sea(theta, c):
            return lambda z: z[..., 0], lambda z: 0 * z[..., 0]

        def still(theta, c):
            return lambda z: z[..., 0], lambda z: z[..., 0].sin()

        assert pinns.wave_errors(crest, c, c).item() == pytest.approx(math.sqrt(3), rel=1e-3)
        assert pinns.wave_errors(flat_sea, c, c).item() == pytest.approx(1)
        t = torch.linspace(0, 1, 51).double()
        wanted = (2 - 2 * (3 * t).cos()).mean().sqrt().item()
        assert pinns.wave_errors(still, c, c).item() == pytest.approx(wanted)

    def test_the_strict_form_starts_as_the_wave(self):
        theta = random_theta(pinns.FIXED, 2)
        first = torch.stack([self.places, 0 * self.places], 1)
        height = pinns.strict(theta, torch.ones(2, 1))[1](first)
        assert torch.allclose(height, self.places.sin().expand(2, -1), atol=1e-14)

    def test_slabs_join_and_obey_the_law(self):
        """The march's residual is that of `marched`, by another engine; it starts as the wave."""
        solved = [random_theta(pinns.STRONG, 1, stream=s) / 4 for s in (1, 2, 3)]
        z = pinns.scatter(20, (0, 0.7), (2 * math.pi, 0.99), seeded(32).torch)
        wanted = pinns.convection(lambda z: pinns.marched(solved, z), 6.0, pinns.jet)(z)[0] / 6

        def before(z):
            return pinns.marched(solved[:2], torch.stack([z[..., 0], 0 * z[..., 1] + 1], -1))

        slope = pinns.d(before)(z)[0]
        columns = z[:, 0], 3 * z[:, 1] - 2, torch.full((20,), 2.0).double(), slope
        found = pinns.slab_law(solved[2][0], torch.stack(columns, -1))
        assert torch.allclose(found, wanted, atol=1e-9)
        first = torch.stack([self.places, 0 * self.places], 1)
        assert torch.allclose(pinns.marched(solved, first)[0], self.places.sin())
        rims = [torch.stack([self.places, 0 * self.places + t], 1) for t in (2 / 3 - 1e-9, 2 / 3)]
        gap = pinns.marched(solved, rims[0]) - pinns.marched(solved, rims[1])
        assert gap.abs().max() < 1e-6

    def test_a_slow_wave_is_marched_to_its_end(self):
        rng = seeded(33).torch
        solved = pinns.march(pinns.STRONG.init(rng, (1,)), 4.0, 2, 60, 15, rng)
        z = pinns.lattice((0, 0), (2 * math.pi, 1), 32, 11)
        truth = (z[:, 0] - 4 * z[:, 1]).sin()
        assert len(solved) == 2 and pinns.relative_error(pinns.marched(solved, z), truth) < 0.02


class Exact:
    """Stands in for a network: a given function of what the network sees."""

    P = 1

    def __init__(self, f):
        self.f = f

    def __call__(self, theta, features):
        return self.f(features) + 0 * theta[..., :1]


def test_the_true_wave_has_no_residual_in_either_frame(monkeypatch):
    """sin(x - ct) = sin x cos ct - cos x sin ct; in its own frame, paths X + ct, heights sin X."""
    c, z = torch.tensor([[3.0], [3.0]], dtype=torch.float64), points()

    def wave(features):
        cos_x, sin_x, t = (features[..., k] for k in range(3))
        return sin_x * (t * 3).cos() - cos_x * (t * 3).sin()

    def ones(features):
        return 0 * features[..., 0] + 1

    monkeypatch.setattr(pinns, "FIXED", Exact(wave))
    monkeypatch.setattr(pinns, "PATHS", Exact(ones))
    monkeypatch.setattr(pinns, "CARRIED", Exact(lambda features: features[..., 1]))
    for frame, P in ((pinns.eulerian, 1), (pinns.lagrangian, 2)):
        theta = torch.zeros(2, P, dtype=torch.float64)
        terms = pinns.wave_terms(frame, c, z)
        assert len(terms) == P + 1
        assert pinns.residuals(theta, terms).abs().max() < 1e-12
        assert pinns.wave_errors(frame, theta, c).max() < 2e-4, "linear between 256 pieces"
    wrong = pinns.wave_terms(pinns.eulerian, -c, z)
    assert pinns.residuals(theta[:, :1], wrong).abs().max() > 1e-2
    monkeypatch.setattr(pinns, "PATHS", Exact(lambda features: 0.9 * ones(features)))
    slow = pinns.wave_terms(pinns.lagrangian, c, z)
    assert pinns.residuals(theta, slow).square().sum(1).sqrt()[0].item() == pytest.approx(0.1)


class TestSolutions:
    def test_poissons_equation_as_the_spectral_solver_has_it(self):
        theta = pinns.SMALL.init(seeded(14).torch, (3,))
        theta, history = pinns.solve(theta, pinns.poisson_terms(pinns.hard, 32), steps=80)
        x, u = pinns.poisson_spectral(lambda x: pinns.source(x[:, None]), 24, -0.5, 0.5)
        at = torch.linspace(-1, 1, 200, dtype=torch.float64)
        found = pinns.hard(theta[history[-1].argmin()])(at[:, None])
        assert pinns.relative_error(found, pinns.interpolate(x, u, at)) < 1e-4

    def test_the_error_is_below_the_bound_of_its_residual(self):
        at = pinns.even(2001)
        for theta in random_theta(pinns.SMALL, 20):
            u = pinns.soft(theta)
            error = (u(at) - pinns.poisson_truth(at)).abs()
            r = pinns.poisson(u, pinns.source)(at).abs().max()
            assert error.max() <= max(error[0], error[-1]) + r / 2

    def test_the_heat_equation_as_the_spectral_solver_has_it(self):
        theta = torch.cat([pinns.ROD.init(seeded(15).torch), torch.tensor([0.25]).double().log()])
        inside = pinns.scatter(300, (-1, 0), (1, 1), seeded(15).torch)
        law = pinns.rod_terms(inside, torch.zeros(1, 3).double())[0]
        fixed = theta[-1]

        def residual(theta, z):
            return law.residual(torch.cat([theta, fixed.expand(*theta.shape[:-1], 1)], -1), z)

        found, _ = pinns.solve(theta[:-1], [pinns.Term(residual, law.x)], steps=60)
        times = torch.tensor([0.2, 0.6, 1.0], dtype=torch.float64)
        x, u = pinns.heat_spectral(pinns.rod_start, 0.25, times, 28)
        z = torch.cartesian_prod(times, x)[:, [1, 0]]
        trial = pinns.rod_trial(torch.cat([found, fixed[None]]))
        assert pinns.relative_error(trial(z), u.flatten()) < 5e-3

    def test_burgers_equation_as_cole_and_hopf_have_it(self):
        rng, nu = seeded(16), 0.1 / math.pi
        inside = pinns.scatter(500, (-1, 0), (1, 1), rng.torch)
        term = pinns.Term(lambda theta, z: pinns.burgers(pinns.burgers_trial(theta), nu)(z), inside)
        theta, _ = pinns.solve(pinns.BURGERS.init(rng.torch), [term], steps=40)
        z = pinns.lattice((-1, 0), (1, 1), 61, 11)
        truth = pinns.cole_hopf(z[:, 0], z[:, 1], nu)
        assert pinns.relative_error(pinns.burgers_trial(theta)(z), truth) < 5e-3

    def test_an_unknown_coefficient_is_found(self):
        rng = seeded(17)
        z = pinns.scatter(150, (-1, 0), (1, 1), rng.torch)
        y = pinns.rod_truth(z[:40, 0], z[:40, 1], 0.4)
        rows = torch.cat([z[:40], y[:, None]], 1)
        start = torch.cat([pinns.ROD.init(rng.torch), torch.zeros(1).double()])
        theta, _ = pinns.solve(start, pinns.rod_terms(z, rows), steps=80)
        assert theta[-1].exp().item() == pytest.approx(0.4, rel=0.02)
        log_nu, _ = pinns.solve(
            torch.zeros(1).double(), [pinns.Term(pinns.sines_misfit, rows)], steps=20
        )
        assert log_nu.exp().item() == pytest.approx(0.4, rel=1e-8)

    def test_without_the_chain_rule_the_fluid_obeys_another_equation(self):
        rng = seeded(18)
        inside = pinns.scatter(200, (-1, 0), (1, pinns.UNTIL), rng.torch)
        start = pinns.BRANCH.init(rng.torch, (2,)).flatten()
        labels, errors = pinns.lattice((-1, 0), (1, pinns.UNTIL), 31, 7), []
        for law in (pinns.carried, pinns.by_label):
            theta, _ = pinns.solve(start, pinns.fluid_terms(law, inside), steps=30)
            x, u = (f(labels) for f in pinns.moving_fluid(theta))
            truth = pinns.cole_hopf(x, labels[:, 1], pinns.VISCOUS)
            errors.append(pinns.relative_error(u, truth).item())
        assert errors[0] < 0.01 and errors[1] > 0.05


def test_scattered_points_fill_their_box_evenly():
    z = pinns.scatter(256, (-1, 0), (1, 3), seeded(19).torch)
    assert z.min(0).values.tolist() > [-1, 0] and z.max(0).values.tolist() < [1, 3]
    cells = (4 * (z - torch.tensor([-1.0, 0.0])) / torch.tensor([2.0, 3.0])).long()
    assert (cells @ torch.tensor([4, 1])).bincount().tolist() == [16] * 16
    other = pinns.scatter(256, (-1, 0), (1, 3), seeded(20).torch)
    assert not torch.equal(z, other)


@pytest.mark.parametrize("method", ["adam", "lbfgs", "lm"])
def test_a_race_notes_times_and_states(method):
    start = pinns.SMALL.init(seeded(21).torch)
    terms = pinns.poisson_terms(pinns.hard, 12)
    settings = {"steps": 3} if method == "lm" else {"steps": 3, "lr": 1e-3}
    seconds, thetas = pinns.race(start, terms, method, **settings)
    assert sorted(seconds) == list(seconds) and len(seconds) == len(thetas) >= 4
    assert torch.equal(thetas[0], start)
    assert pinns.loss(thetas[-1], terms) < pinns.loss(start, terms)


def wave(f, amplitude=1.0, x=precision.EVEN):
    return amplitude * (2 * math.pi * f * x + 0.3).sin()


@pytest.mark.parametrize("f", [1.0, 3.0, 7.5, 40.0])
def test_the_dominant_frequency_counts_waves_per_unit(f):
    found = precision.dominant_frequency(wave(f) + 0.5 * precision.EVEN + 100, precision.STEP)
    assert abs(found.item() - f) <= 0.5, "one bin on an interval of length 2"


def test_the_dominant_frequency_takes_a_stack():
    stack = torch.stack([wave(2.0), wave(9.0)])
    found = precision.dominant_frequency(stack, precision.STEP)
    assert found.shape == (2,) and (found - torch.tensor([2.0, 9.0])).abs().max() < 0.5


@pytest.mark.parametrize("order", [0, 1, 2])
def test_the_scale_undoes_the_derivatives_of_a_wave(order):
    e, f = wave(6.0, 1e-7, precision.EVEN[:-1]), torch.tensor(6.0).double()
    r = (2 * math.pi * 6.0) ** order * e
    scale = precision.stage_scale(r, f, order).item()
    assert scale == pytest.approx(1e-7 / math.sqrt(2), rel=1e-6)


def gain() -> float:
    """How much a second stage by Adam leaves of the first one's rest."""
    rng = seeded(1)
    one = precision.add_stage(precision.FIT, [], 8, 200, 15, rng, 1)
    two = precision.add_stage(precision.FIT, one, 12, 300, 0, rng, 1)
    before, after = (
        precision.rms(precision.left(precision.FIT, stages, precision.EVEN)).item()
        for stages in (one, two)
    )
    return after / before


def test_a_second_stage_helps():
    assert gain() < 0.5


def test_an_unscaled_stage_makes_things_worse(monkeypatch):
    monkeypatch.setattr(precision, "stage_scale", lambda r, f, order=0: 0 * f + 1.0)
    assert gain() > 1


class TestPoints:
    """Where the points go: the vectors by which they are chosen."""

    def setup_method(self):
        self.rng = seeded(22).torch
        self.theta = where.NET.init(self.rng, (2,))
        self.z = where.candidates(2, self.rng, (6, 3, 3)).double()

    @pytest.mark.parametrize("name", ["CARRIED", "BURGERS"])
    def test_each_kind_has_its_residual(self, name):
        problem, net = getattr(where, name), lambda z: (z[..., 0] * 3).sin() * (z[..., 1]).exp()
        x, t, kind = self.z[0].T
        u, u_x, u_t = (3 * x).sin() * t.exp(), 3 * (3 * x).cos() * t.exp(), (3 * x).sin() * t.exp()
        if name == "CARRIED":
            law = (u_t + u_x) / 2
            start, rim = u - where.profile(x), u - (-3 * x).sin() * t.exp()
        else:
            law = u_t + u * u_x + where.NU * 9 * u
            start, rim = u + (math.pi * x).sin(), u
        wanted = torch.stack([law, start, rim]).gather(0, kind.long()[None])[0]
        assert torch.allclose(problem.residual(net, self.z[0]), wanted, atol=1e-12)

    def test_the_truth_meets_all_conditions(self):
        def wave(z):
            return (z[..., 0] * math.pi - z[..., 1] * math.pi).sin() + 0.5 * (
                (z[..., 0] - z[..., 1]) * (2 * math.pi) + 1
            ).sin()

        assert where.CARRIED.residual(wave, self.z).abs().max() < 1e-12

    def test_the_embedding_keeps_the_lengths_of_the_vectors(self):
        law = where.terms(where.CARRIED, self.z)
        J, R = pinns.jacobian(self.theta, law), pinns.residuals(self.theta, law)
        psi, phi = where.embedding(J, J, R, least=1e-14), J * R[..., None]
        assert torch.allclose(torch.cdist(psi, psi), torch.cdist(phi, phi), atol=1e-7)

    def test_spread_out_starts_with_the_longest_and_never_repeats(self):
        psi = torch.randn(3, 20, 4, generator=self.rng)
        index = where.spread_out(psi, 12, self.rng)
        assert torch.equal(index[:, 0], psi.norm(dim=-1).argmax(1))
        assert all(len(set(row.tolist())) == 12 for row in index)

    def test_a_copy_of_a_chosen_point_has_nothing_to_add(self):
        psi = torch.eye(4).repeat(1, 3, 1) * torch.tensor([4.0, 3.0, 2.0, 1.0])
        chosen = where.spread_out(psi, 4, self.rng)[0] % 4
        assert sorted(chosen.tolist()) == [0, 1, 2, 3]

    def test_a_mixture_has_its_shares(self):
        pool = where.candidates(2, self.rng)
        z = where.mixture(pool, torch.ones(pool.shape[:2]), 20, self.rng)
        assert [(z[0, :, 2] == kind).sum().item() for kind in range(3)] == [14, 3, 3]

    def test_rad_prefers_large_residuals_within_a_kind(self):
        pool = where.candidates(1, self.rng)
        weights = where.rad_weights(torch.rand(pool.shape[:2], generator=self.rng), pool)
        for kind in range(3):
            assert weights[pool[..., 2] == kind].mean().item() == pytest.approx(2, rel=1e-5)

    def test_an_unknown_way_to_choose_is_named(self):
        with pytest.raises(ValueError, match="how='best'"):
            where.choose(where.CARRIED, "best", self.theta, self.z, self.rng)
