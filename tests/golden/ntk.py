"""Reference values of infinite-width kernels, computed by neural-tangents into ntk.npz.

neural-tangents 0.6.5 needs an old JAX and NumPy 1, so the book's environment cannot hold it. The
tests only read ntk.npz; to compute it again, from the repository's root:

    python3.11 -m venv venv_jax
    venv_jax/bin/pip install jax==0.4.25 jaxlib==0.4.25 numpy==1.26.4 scipy==1.12.0 frozendict
    venv_jax/bin/pip install --no-deps neural-tangents==0.6.5
    JAX_PLATFORMS=cpu venv_jax/bin/python tests/golden/ntk.py

TensorFlow, which neural-tangents asks for, serves only its `experimental` part; an empty module
stands in for that part below.

Networks: `depth` hidden layers, each Dense and then the activation, and one Dense as readout, in
NTK parametrisation, f = W_std / sqrt(fan-in) W phi(.) + b_std b with all W, b ~ N(0, 1). All arrays
are float64. Keys of ntk.npz:

    x1 (6, 5), x2 (4, 5)    inputs, one per row
    settings (2, 2)         rows (W_std, b_std)
    relu_nngp_cross         (5, 2, 6, 4): [depth - 1, setting] is k(x1, x2)
    relu_nngp_self          (5, 2, 6, 6): [depth - 1, setting] is k(x1, x1)
    relu_ntk_cross, relu_ntk_self
    erf_nngp_cross, erf_nngp_self, erf_ntk_cross, erf_ntk_self    the same with 3 depths
    images1 (3, 2, 4, 5), images2 (2, 2, 4, 5)    images, channels first
    flattened, pooled       (2, 2, 2, 3, 2): [kernel, depth - 1, setting] of the nets with
                            circular 3 x 3 convolutions, Flatten or GlobalAvgPool, a readout
    versions                strings such as "jax 0.4.25"

All entries are exact to rounding except the diagonals of relu_ntk_self, where the angle between an
input and itself may round to 1e-8 instead of 0: there some are wrong by up to 3e-9, relatively.
"""

import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from types import ModuleType

import jax
import numpy as np

sys.modules["neural_tangents.experimental"] = ModuleType("neural_tangents.experimental")

from neural_tangents import stax  # noqa: E402

PACKAGES = ("neural-tangents", "jax", "jaxlib", "numpy", "scipy")
SETTINGS = ((2**0.5, 0.0), (1.3, 0.4))  # (W_std, b_std)
NETWORKS = {"relu": (stax.Relu, 5), "erf": (stax.Erf, 3)}  # activation, largest depth
KERNELS = ("nngp", "ntk")
WIDTH = 1  # of the hidden layers; the kernels are those of infinite width


def kernel(activation: Callable, depth: int, W_std: float, b_std: float) -> Callable:
    """k(x1, x2 or None, names) of the fully connected network with `depth` hidden layers."""
    hidden = [stax.Dense(WIDTH, W_std, b_std), activation()] * depth
    return stax.serial(*hidden, stax.Dense(1, W_std, b_std))[2]


def values(activation: Callable, deepest: int, x1: np.ndarray, x2: np.ndarray | None) -> np.ndarray:
    """Both kernels between x1 and x2 (x1 itself if None): (kernel, depth, setting, row, column)."""
    found = [
        [kernel(activation, depth, *setting)(x1, x2, KERNELS) for setting in SETTINGS]
        for depth in range(1, deepest + 1)
    ]
    return np.moveaxis(np.array(found), 2, 0)


def convolutions(end: Callable, depth: int, W_std: float, b_std: float) -> Callable:
    """The kernel of `depth` circular 3 x 3 convolutions with ReLU, an end, and a readout."""
    layer = stax.Conv(WIDTH, (3, 3), padding="CIRCULAR", W_std=W_std, b_std=b_std)
    hidden = [layer, stax.Relu()] * depth
    return stax.serial(*hidden, end(), stax.Dense(1, W_std, b_std))[2]


def convolutional(end: Callable, x1: np.ndarray, x2: np.ndarray) -> np.ndarray:
    """Both kernels of images with channels first: (kernel, depth, setting, row, column)."""
    last = [np.moveaxis(x, 1, 3) for x in (x1, x2)]
    found = [
        [convolutions(end, depth, *setting)(*last, KERNELS) for setting in SETTINGS]
        for depth in (1, 2)
    ]
    return np.moveaxis(np.array(found), 2, 0)


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    draw = np.random.default_rng(0)
    x1, x2 = draw.standard_normal((6, 5)), draw.standard_normal((4, 5))
    arrays = {"x1": x1, "x2": x2, "settings": np.array(SETTINGS)}
    for network, (activation, deepest) in NETWORKS.items():
        for pair, other in (("cross", x2), ("self", None)):
            for name, array in zip(KERNELS, values(activation, deepest, x1, other)):
                arrays[f"{network}_{name}_{pair}"] = array
    images = draw.standard_normal((3, 2, 4, 5)), draw.standard_normal((2, 2, 4, 5))
    arrays |= {"images1": images[0], "images2": images[1]}
    for name, end in (("flattened", stax.Flatten), ("pooled", stax.GlobalAvgPool)):
        arrays[name] = convolutional(end, *images)
    if any(array.dtype != np.float64 for array in arrays.values()):
        raise TypeError("an array is not float64")
    versions = [f"Python {python_version()}", *(f"{name} {version(name)}" for name in PACKAGES)]
    path = Path(__file__).with_suffix(".npz")
    np.savez_compressed(path, **arrays, versions=np.array(versions))
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
