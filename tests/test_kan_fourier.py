"""The page on Fourier series, against NumPy, SciPy, loops and separate networks."""

import math

import numpy as np
import pytest
import torch
from scipy.fft import idctn

from helpers import chapter, seeded

fourier = chapter("kan/fourier")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_layer_is_the_series_written_out(dtype):
    seeded(1)
    layer = fourier.FourierLayer(2, 3, 4, dtype=dtype)
    x = torch.linspace(-3, 3, 10, dtype=dtype).view(5, 2)
    c, b = layer.c.detach().double().numpy(), layer.b.detach().double().numpy()
    wanted = np.zeros((5, 3)) + b
    for n, j, i, k in np.ndindex(5, 3, 2, 4):
        angle = (k + 1) * float(x[n, i])
        wanted[n, j] += c[j, i, k] * math.cos(angle) + c[j, i, 4 + k] * math.sin(angle)
    assert layer(x).dtype == dtype
    assert np.allclose(layer(x).detach().numpy(), wanted, atol=1e-5)


def test_a_series_without_terms_is_named():
    with pytest.raises(ValueError, match="K=0"):
        fourier.FourierLayer(2, 3, 0)


def test_the_start_has_the_variance_that_it_says():
    seeded(2)
    c = fourier.FourierLayer(4, 500, 10).c
    assert c.var().item() == pytest.approx(1 / 40, rel=0.05)


def test_energies_are_means_of_squares():
    c = torch.tensor([[[3.0, 1.0, 4.0, 2.0]], [[0.0, 2.0, 0.0, 0.0]]])
    assert torch.equal(fourier.energies(c), torch.tensor([[12.5, 4.5]]))


def test_rows_of_a_field_are_separate_networks_also_when_trained():
    seeded(3)
    nets = [fourier.fkan(3, 2) for _ in range(2)]
    field, x = fourier.Field(nets), torch.linspace(-3, 3, 24).view(12, 2)
    alone = torch.stack([net(x)[:, 0] for net in nets])
    assert torch.allclose(field(x), alone, atol=1e-6)
    field(x)[0].square().sum().backward()
    assert not field.theta.grad[1].any() and field.theta.grad[0].any()


def test_the_widest_network_fits_and_one_more_does_not():
    def size(h):
        return sum(p.numel() for p in fourier.relu(h).parameters())

    h = fourier.widest(fourier.relu, 600)
    assert size(h) <= 600 < size(h + 1)
    with pytest.raises(ValueError, match="budget=3"):
        fourier.widest(fourier.relu, 3)


def test_fits_see_only_the_seen_pixels_and_choose_by_them():
    seeded(4)
    x = torch.cartesian_prod(fourier.places(8), fourier.places(8))
    y = torch.sin(2 * x[:, 0]) + torch.cos(x[:, 1])
    seen = torch.rand(64) < 0.6
    spoiled = torch.where(seen, y, 100.0)
    fits = []
    for values in (y, spoiled):
        seeded(5)
        fits.append(fourier.fitted(lambda h: fourier.fkan(h, 3), x, values, seen, 150, 60))
    assert torch.equal(fits[0][0], fits[1][0])
    learned, start = fits[0][1:]
    assert learned.shape == start.shape == (2, 3)
    assert learned.min() > 0
    still = fourier.fitted(lambda h: fourier.fkan(h, 3), x, y, seen, 150, 0)
    assert not still[1].any() and still[2].min() > 0
    assert fourier.decibels(fits[0][0], y, seen) > 5
    assert fourier.fitted(fourier.relu, x, y, seen, 60, 5)[1:] == (None, None)


def test_decibels_of_known_errors():
    y, where = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([True, True, False])
    assert fourier.decibels(y + 0.1, y, where) == pytest.approx(20, abs=1e-3)
    assert fourier.decibels(y + 1, y, where) == pytest.approx(0, abs=1e-3)


def test_cosines_are_scipys_lowest_first():
    A, found = fourier.cosines(6), []
    for i, j in np.ndindex(6, 6):
        unit = np.zeros((6, 6))
        unit[i, j] = 1
        wave = torch.tensor(idctn(unit, norm="ortho").ravel())
        (at,) = ((A.T @ wave).abs() > 1 - 1e-9).nonzero()[:, 0].tolist()
        found.append((at, i + j))
    order = [total for _, total in sorted(found)]
    assert order == sorted(order)
    assert torch.allclose(A.T @ A, torch.eye(36).double())


def test_both_series_recover_pictures_that_they_hold():
    rng = seeded(6)
    A = fourier.cosines(12)
    seen = torch.rand(144, generator=rng.torch) < 0.7
    low = A[:, :10] @ torch.arange(1.0, 11).double()
    assert torch.allclose(fourier.lowest(A, low, seen, 40), low, atol=1e-8)
    far = 3 * A[:, 90] - 2 * A[:, 120]
    assert torch.allclose(fourier.pursued(A, far, seen, 8, each=2), far, atol=1e-8)
    assert (fourier.lowest(A, far, seen, 40) - far).square().sum() > 1


def test_pictures_have_the_frequencies_that_they_say():
    rng = seeded(7)
    cloth, k = fourier.fabric(40, rng.torch)
    assert ((k >= 5) & (k <= 11)).all() and cloth.abs().max() <= 1
    sums = torch.atanh(cloth.double().clamp(-1 + 1e-9, 1 - 1e-9))
    power = torch.fft.rfft(sums.median(1).values - sums.median(1).values.mean()).abs()
    assert set((power.topk(2).indices).tolist()) == set(k[0].tolist())
    given = torch.tensor([[4, 8], [4, 8]])
    assert torch.equal(fourier.fabric(16, rng.torch, given)[1], given)
    assert fourier.stripes(16, rng.torch).shape == (16, 16)


def test_own_frequencies_count_hits_for_each_coordinate():
    energy = torch.zeros(2, 9)
    energy[0, [2, 6]], energy[1, [1, 4]] = 1.0, 1.0
    k = torch.tensor([[3, 7], [2, 9]])
    assert fourier.own_frequencies(energy, k) == 0.75
