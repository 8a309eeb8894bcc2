"""Data sets that need no download: what scikit-learn and scikit-image ship, ready for torch.

These two take seconds to import, so they are imported by the functions that need them.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

TABLES = ("digits", "wine", "breast_cancer")


class Split(NamedTuple):
    """Inputs (samples, features), standardised; labels (samples,), whole numbers from 0."""

    x_train: Tensor
    y_train: Tensor
    x_test: Tensor
    y_test: Tensor


def table(name: str, *, test_size: float = 0.3, rng: np.random.Generator) -> Split:
    """A small classification set that scikit-learn ships, split with equal class shares.

    Args:
        name: "digits" (1797 x 64 grey values of 8 x 8 images, 10 classes), "wine" (178 x 13
            measurements, 3 classes) or "breast_cancer" (569 x 30 measurements, 2 classes).
        test_size: share of the samples held out, between 0 and 1.
        rng: draws the split.

    Returns:
        float32 inputs with the training set's mean 0 and standard deviation 1 per feature
        (features that never vary become 0), int64 labels.

    Raises:
        ValueError: an unknown name.
    """
    if name not in TABLES:
        raise ValueError(f"data.table({name!r}): the sets are {', '.join(TABLES)}")
    from sklearn import datasets
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    seed = int(rng.integers(2**31))
    x, x_test, y, y_test = train_test_split(
        x, y, test_size=test_size, stratify=y, random_state=seed
    )
    scaler = StandardScaler().fit(x)
    x, x_test = (torch.tensor(scaler.transform(part), dtype=torch.float32) for part in (x, x_test))
    return Split(x, torch.tensor(y), x_test, torch.tensor(y_test))


def camera(size: int = 64) -> Tensor:
    """The photographer of scikit-image's `camera` (public domain), head and camera only.

    Args:
        size: pixels a side, from 8 to 256.

    Returns:
        (size, size) float32 grey values between 0 and 1.

    Raises:
        ValueError: a size outside 8 to 256.
    """
    if not 8 <= size <= 256:
        raise ValueError(f"data.camera(size={size}): a side has 8 to 256 pixels")
    from skimage import data as images

    crop = torch.tensor(images.camera()[60:316, 130:386], dtype=torch.float32)[None, None] / 255
    return torch.nn.functional.interpolate(crop, (size, size), mode="area")[0, 0]


def shells(n: int = 3000, d: int = 10, *, rng: np.random.Generator) -> Split:
    """Gaussian points in d dimensions, labelled by their distance from the centre: three shells
    of equal probability. A linear classifier is at chance, 1/3.

    Returns:
        70 % of n points for training, equal class shares; inputs as in `table`.

    Raises:
        ValueError: fewer than 30 points.
    """
    if n < 30:
        raise ValueError(f"data.shells(n={n}): three classes need at least 30 points")
    from sklearn.datasets import make_gaussian_quantiles
    from sklearn.model_selection import train_test_split

    seed = int(rng.integers(2**31))
    x, y = make_gaussian_quantiles(n_samples=n, n_features=d, n_classes=3, random_state=seed)
    x, x_test, y, y_test = train_test_split(x, y, test_size=0.3, stratify=y, random_state=seed)
    mean, sd = x.mean(0), x.std(0)
    x, x_test = (torch.tensor((part - mean) / sd, dtype=torch.float32) for part in (x, x_test))
    return Split(x, torch.tensor(y), x_test, torch.tensor(y_test))


def marked_pair(n: int = 4000, n_test: int = 1000, *, rng: np.random.Generator) -> Split:
    """Two digits side by side and a mark; the label is that of the marked digit.

    Who does not use the mark is right about half of the time.

    Returns:
        Inputs (n, 129): 64 pixels of the left digit and 64 of the right one, standardised as in
        `table`, and the mark, -1 for left and 1 for right. No image of a test pair is in training.

    Raises:
        ValueError: no pairs.
    """
    if n < 1 or n_test < 1:
        raise ValueError(f"data.marked_pair(n={n}, n_test={n_test}): each is at least 1")
    digits, parts = table("digits", rng=rng), []
    for x, y, size in ((*digits[:2], n), (*digits[2:], n_test)):
        pair, side = (
            torch.tensor(rng.integers(m, size=k)) for m, k in ((len(y), (size, 2)), (2, size))
        )
        mark = (2 * side - 1).to(x)[:, None]
        parts += [
            torch.cat([x[pair[:, 0]], x[pair[:, 1]], mark], 1),
            y[pair.gather(1, side[:, None])[:, 0]],
        ]
    return Split(*parts)
