"""Spreads of ensembles against draws, Cholesky factors, quadrature and numbers by hand."""

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from torch import nn

from helpers import chapter, seeded

ntk, page = chapter("ntk"), chapter("ntk/ensembles")


def inputs(*shape: int, stream: int = 1) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=seeded(stream).torch)


def covariance(n: int) -> torch.Tensor:
    A = inputs(n, 2 * n, stream=3)
    return A @ A.T / n


def test_the_spread_is_that_of_a_linear_map_of_a_gaussian():
    C, A = covariance(7), inputs(2, 5, stream=4)
    chol = np.linalg.cholesky(C.numpy())
    maps = np.concatenate([-A.numpy(), np.eye(2)], 1) @ chol
    ours = page.ensemble_spread(A, C[:5, :5], C[5:, :5], C[5:, 5:].diagonal())
    assert np.allclose(ours.numpy(), np.sqrt((maps**2).sum(1)))


def test_the_readout_alone_gives_the_posterior_and_nothing_is_narrower():
    C = covariance(8)
    S, S_z, s_z = C[:6, :6], C[6:, :6], C[6:, 6:].diagonal()
    posterior = np.sqrt(
        np.diag(C[6:, 6:].numpy() - S_z.numpy() @ np.linalg.inv(S.numpy()) @ S_z.T.numpy())
    )
    ever = torch.tensor([torch.inf]).double()
    A = ntk.smoother(S, S_z, ever)[0]
    assert np.allclose(page.ensemble_spread(A, S, S_z, s_z).numpy(), posterior)
    for k in range(5):
        other = A + 0.3 * inputs(2, 6, stream=10 + k)
        assert (page.ensemble_spread(other, S, S_z, s_z).numpy() >= posterior).all()


def test_before_training_and_at_a_sample_the_spread_is_known():
    S = covariance(4)
    nothing = torch.zeros(1, 4).double()
    assert page.ensemble_spread(nothing, S, S[:1], S[0, :1]).item() == pytest.approx(
        S[0, 0].item() ** 0.5
    )
    itself = torch.eye(4).double()
    assert (page.ensemble_spread(itself, S, S, S.diagonal()) < 1e-7).all()


def test_an_ensemble_is_its_networks_trained_one_by_one():
    seeded(5)
    models = [ntk.ntk_mlp([2, 7, 1], sigma_b=0.4) for _ in range(3)]
    x, y, z = inputs(4, 2), inputs(4, stream=2), inputs(3, 2, stream=3)
    crowd = page.Ensemble(models)
    assert torch.allclose(crowd(z), torch.stack([m(z)[:, 0] for m in models]))
    crowd.train(x, y, 0.05, 6)
    assert torch.equal(models[0](z)[:, 0], page.Ensemble(models)(z)[0])  # not in place
    for model in models:
        ntk.gradient_descent(model, x, y, 0.05, 6)
    assert torch.allclose(crowd(z), torch.stack([m(z)[:, 0] for m in models]))
    with pytest.raises(ValueError, match="needs 2 networks"):
        page.Ensemble(models[:1])
    with pytest.raises(ValueError, match=r"must both be \(N,\)"):
        crowd.train(x, y[:, None], 0.05, 1)


@pytest.mark.parametrize("N", [3, 6])
def test_the_readout_ends_where_the_differential_equation_does(N):
    """Six samples and four weights: more samples than weights, the least squares fit."""
    H, H_z, w, y = inputs(N, 4), inputs(2, 4, stream=2), inputs(4, stream=3), inputs(N, stream=4)
    flow = solve_ivp(
        lambda _, w: -H.numpy().T @ (H.numpy() @ w - y.numpy()), (0, 400), w.numpy(), rtol=1e-9
    )
    ours = page.readout_trained(H, H_z, w, y)
    assert np.allclose(ours.numpy(), H_z.numpy() @ flow.y[:, -1], atol=1e-4)


def test_features_that_are_zero_or_doubled_do_not_break_the_readout():
    H = inputs(3, 4)
    H[:, 0] = 0
    H[2] = H[1]
    y = torch.tensor([1.0, 2.0, 2.0]).double()
    ours = page.readout_trained(H, H, inputs(4, stream=2), y)
    assert torch.allclose(ours, y)


def test_coverage_counts_what_is_marked():
    errors = torch.tensor([[0.5, -3.0, 9.0], [-2.5, 1.0, 0.0]]).double()
    spread = torch.tensor([1.0, 2.0, 1.0]).double()
    away = torch.tensor([True, True, False])
    assert page.coverage(errors, spread, away, 1.0) == 0.5
    assert page.coverage(errors, spread, away, 2.0) == 0.75
    assert page.coverage(errors, spread, ~away, 2.0) == 0.5


def test_single_precision_stays_single():
    S = covariance(3).float()
    seeded(6)
    crowd = page.Ensemble([ntk.ntk_mlp([2, 4, 1], dtype=torch.float32) for _ in range(2)])
    crowd.train(inputs(3, 2).float(), inputs(3, stream=2).float(), 0.1, 2)
    results = [
        page.ensemble_spread(S[:1], S, S[:1], S[0, :1]),
        crowd(inputs(2, 2).float()),
        page.readout_trained(S, S, S[0], S[1]),
    ]
    assert {r.dtype for r in results} == {torch.float32}
    assert isinstance(crowd.one, nn.Module)
