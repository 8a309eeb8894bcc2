"""Tests of chapters/pinns/forms.md worth keeping: each fails for one particular mistake."""

import math

import numpy as np
import pytest
import torch
from torch.func import grad

from helpers import chapter, seeded

forms = chapter("pinns/forms")
pinns = chapter("pinns")
kan = chapter("kan")

VIEW = torch.linspace(0, 1, 201, dtype=torch.float64)
PROBLEMS = {
    "tones": forms.two_tones(6),
    "materials": forms.two_materials(7.0, 0.3),
    "corner": forms.corner(0.75),
}


class TestSplines:
    def test_derivatives_of_bumps_match_differences(self):
        x = torch.linspace(-0.9, 0.9, 31, dtype=torch.float64) + 1e-3
        h = 1e-4
        B, B1, B2 = forms.bumps_jet(x, -1.0, 1.0, 5)
        up, down = (forms.bumps_jet(x + s, -1.0, 1.0, 5)[0] for s in (h, -h))
        assert (B1 - (up - down) / (2 * h)).abs().max() < 1e-5
        assert (B2 - (up - 2 * B + down) / h**2).abs().max() < 1e-2

    def test_network_is_the_kan_chapters_network(self):
        net, rng = forms.SplineNet([1, 3, 1], G=4), seeded(1)
        theta = net.init(rng.torch)
        model = kan.KAN([1, 3, 1], G=4)
        with torch.no_grad():
            for layer, part in zip(model, theta.split(net.sizes)):
                W = part.view(*layer.w_b.shape, -1)
                layer.c.copy_(W[..., :-1])
                layer.w_b.copy_(W[..., -1])
            x = torch.linspace(-1, 1, 21, dtype=torch.float64)[:, None]
            assert torch.allclose(net(theta, x), model(x)[:, 0], atol=1e-12)

    def test_network_derivatives_match_nested_forward_mode(self):
        net, rng = forms.SplineNet([1, 4, 1], G=6), seeded(2)
        theta = net.init(rng.torch, (2,))
        x = torch.rand(15, 1, dtype=torch.float64, generator=rng.torch)
        u = forms.held(net, theta)
        _, fast = pinns.taylor(u, x, (2,))
        _, slow = pinns.jet(u, x, (2,))
        for a, b in zip(fast, slow):
            assert torch.allclose(a, b, atol=1e-9)


class TestForms:
    @pytest.mark.parametrize("name", list(PROBLEMS))
    def test_solution_satisfies_its_equation(self, name):
        problem = PROBLEMS[name]
        x = torch.tensor([0.12, 0.45, 0.8], dtype=torch.float64)
        h = 1e-5
        slope = (problem.u(x + h) - problem.u(x - h)) / (2 * h)
        flux_plus_F = problem.a(x) * slope + problem.F(x)
        assert (flux_plus_F - flux_plus_F[0]).abs().max() < 1e-6
        ends = problem.u(torch.tensor([0.0, 1.0], dtype=torch.float64))
        assert ends.abs().max() < 1e-12

    @pytest.mark.parametrize("form", ["energy", "inverse"])
    @pytest.mark.parametrize("name", list(PROBLEMS))
    def test_energy_and_inverse_converge(self, name, form):
        problem = PROBLEMS[name]
        errors = [
            pinns.relative_error(
                forms.spline(forms.fit_spline(problem, form, G, 100), VIEW), problem.u(VIEW)
            )
            for G in (5, 40)
        ]
        assert errors[1] < 0.05 and errors[1] < 0.5 * errors[0]

    def test_strong_form_converges_to_the_ghost(self):
        A, at = 7.0, 0.5
        x = VIEW
        q = at - at**2 / 2 + (1 - at) ** 2 / (2 * A)
        left = q * x - x**2 / 2
        right = (q * at - at**2 / 2) + (q - at) * (x - at) - (x - at) ** 2 / (2 * A)
        ghost = torch.where(x < at, left, right)
        found = forms.spline(forms.fit_spline(forms.two_materials(A, at), "strong", 60, 120), x)
        assert pinns.relative_error(found, ghost) < 0.02
        assert pinns.relative_error(found, forms.two_materials(A, at).u(x)) > 0.3

    def test_resolving_a_corner_ruins_the_strong_form_below_one(self):
        def error(alpha, cells):
            problem = forms.corner(alpha)
            c = forms.fit_spline(problem, "strong", 8, cells)
            return pinns.relative_error(forms.spline(c, VIEW), problem.u(VIEW)).item()

        assert error(0.6, 256) > 3 * error(0.6, 16)
        assert error(1.6, 256) < 1.2 * error(1.6, 16)

    def test_rows_have_unit_loss_at_zero(self):
        for problem in PROBLEMS.values():
            for form in forms.FORMS:
                assert forms.rows(problem, form, 12)[:, 4].square().mean() == pytest.approx(1)


def some_cells(K=1, faces=None, seed=3):
    rng = seeded(seed)
    theta = forms.PROPOSER.init(rng.torch)
    c = torch.randn(4, forms.TONES, dtype=torch.float64, generator=rng.torch)
    return theta, c, forms.make_cells(theta, c, K, faces)


class TestConstraint:
    @pytest.mark.parametrize("faces", [None, lambda x: 0.1 * x.expand(4, -1)])
    def test_stationarity_and_hessian_are_derivatives(self, faces):
        _, _, cells = some_cells(2, faces)
        w = forms.equal_weights(cells) + 0.05
        g = grad(lambda w: cells.objective(w).sum() / 2)(w)
        assert torch.allclose(g, cells.stationarity(w), atol=1e-9)
        H = torch.func.jacrev(lambda w: cells.stationarity(w).sum((0, 1)))(w)
        H = H.movedim(0, -2)
        assert torch.allclose(H, cells.hessian(w), atol=1e-8)

    def test_solver_converges(self):
        _, _, cells = some_cells()
        start, end = (
            cells.stationarity(w).norm()
            for w in (forms.equal_weights(cells), forms.solve_weights(cells, 60))
        )
        assert end < 1e-4 * start

    def test_implicit_gradient_matches_the_unrolled_solver(self):
        theta, c, _ = some_cells()

        def number(theta, weights):
            return forms.probe(theta, c, 1, weights)

        implicit = grad(lambda t: number(t, lambda q: forms.constrained_weights(q, 80)))(theta)
        unrolled = grad(lambda t: number(t, lambda q: forms.solve_weights(q, 80)))(theta)
        assert torch.nn.functional.cosine_similarity(implicit, unrolled, dim=0) > 0.999
        assert 0.9 < implicit.norm() / unrolled.norm() < 1.1

    def test_faces_are_met(self):
        _, _, cells = some_cells(4, lambda x: torch.sin(math.pi * x).expand(4, -1))
        w = forms.solve_weights(cells, 20)
        at = (cells.ends @ w[..., None])[..., 0]
        assert (at - cells.values).abs().max() < 0.05

    def test_second_derivative_of_proposals(self):
        theta, c, _ = some_cells()
        x = torch.linspace(0.1, 0.9, 9, dtype=torch.float64)
        h = 1e-3
        _, b_xx = forms.proposals(theta, c, x)
        up, at, down = (forms.proposals(theta, c, x + s)[0] for s in (h, 0, -h))
        assert (b_xx - (up - 2 * at + down) / h**2).abs().max() < 1e-3

    def test_spectral_reference_satisfies_the_equation(self):
        c = torch.tensor([[1.0, -2.0, 0.5, 1.5]], dtype=torch.float64)
        nodes, u = forms.reaction_spectral(c, 48)
        poly = np.polynomial.chebyshev.Chebyshev.fit(nodes.numpy(), u[0].numpy(), 48, domain=[0, 1])
        x = np.linspace(0.05, 0.95, 19)
        f = forms.forcing(c, torch.tensor(x))[0].numpy()
        assert np.abs(poly(x) ** 3 - forms.NU * poly.deriv(2)(x) - f).max() < 1e-5
