"""Dequantised weights of torchao, optimum-quanto and brevitas, written into quantization.npz.

Each package has a scale rule of its own; the tests form the same weights with the chapter's
functions under that rule, and compare bit by bit. The tests only read quantization.npz. To compute
it again, from the repository's root, in an environment beside the book's own:

    python3.11 -m venv venv_peers
    venv_peers/bin/pip install torch numpy packaging sympy typing-extensions "setuptools<81"
    venv_peers/bin/pip install --no-deps torchao==0.18.0 optimum-quanto==0.2.7 brevitas==0.13.4 \
        dependencies==2.0.1
    venv_peers/bin/python tests/golden/quantization.py

Keys of quantization.npz, all float32 of shape (8, 64):

    W                   the weights; rows of different scale, one with a few outliers, one positive
    torchao_int8        Int8WeightOnlyConfig: a scale a row, largest magnitude / 127.5
    torchao_int4        IntxWeightOnlyConfig, int4, groups of 32: largest magnitude / 7.5
    quanto_int8         qint8: a scale a row, largest magnitude / 127
    quanto_int4         qint4, MaxOptimizer: a scale a row, range / 15, shifted by the least entry
    brevitas_int8       Int8WeightPerTensorFloat: one scale, largest magnitude / 127
    brevitas_int4       Int8WeightPerChannelFloat with 4 bits: a scale a row, largest magnitude / 7
    versions            strings such as "torchao 0.18.0"
"""

from importlib.metadata import version
from pathlib import Path
from platform import python_version

import brevitas.nn as brevitas
import numpy as np
import torch
from brevitas.quant import Int8WeightPerChannelFloat, Int8WeightPerTensorFloat
from optimum import quanto
from torch import Tensor, nn
from torchao.quantization import (
    Int8WeightOnlyConfig,
    IntxWeightOnlyConfig,
    PerGroup,
    quantize_,
)

PACKAGES = ("torch", "torchao", "optimum-quanto", "brevitas", "numpy")


def weights() -> Tensor:
    """Gaussian weights that per-row scales matter for: (8, 64)."""
    W = torch.randn(8, 64, generator=torch.Generator().manual_seed(0))
    W[0] *= 5
    W[1] *= 0.01
    W[2, ::16] *= 8
    W[3] = W[3].abs()
    W[4, :32] *= 0.1
    return W


def dense(W: Tensor) -> nn.Sequential:
    """A network of one linear layer with these weights."""
    layer = nn.Linear(*W.shape[::-1], bias=False)
    layer.weight.data.copy_(W)
    return nn.Sequential(layer)


def by_torchao(W: Tensor, config: object) -> Tensor:
    model = dense(W)
    quantize_(model, config)
    return model[0].weight.dequantize()


def by_quanto(W: Tensor, kind: object, **how) -> Tensor:
    model = dense(W)
    quanto.quantize(model, weights=kind, **how)
    quanto.freeze(model)
    return model[0].weight.dequantize()


def by_brevitas(W: Tensor, rule: object, bits: int) -> Tensor:
    layer = brevitas.QuantLinear(
        *W.shape[::-1], bias=False, weight_quant=rule, weight_bit_width=bits
    )
    layer.weight.data.copy_(W)
    return layer.eval().quant_weight().value


def main() -> None:
    W = weights()
    int4 = IntxWeightOnlyConfig(weight_dtype=torch.int4, granularity=PerGroup(32))
    tensors = {
        "W": W,
        "torchao_int8": by_torchao(W, Int8WeightOnlyConfig()),
        "torchao_int4": by_torchao(W, int4),
        "quanto_int8": by_quanto(W, quanto.qint8),
        "quanto_int4": by_quanto(W, quanto.qint4, optimizer=quanto.MaxOptimizer()),
        "brevitas_int8": by_brevitas(W, Int8WeightPerTensorFloat, 8),
        "brevitas_int4": by_brevitas(W, Int8WeightPerChannelFloat, 4),
    }
    arrays = {name: tensor.detach().numpy() for name, tensor in tensors.items()}
    if any(array.dtype != np.float32 or array.shape != (8, 64) for array in arrays.values()):
        raise TypeError("an array is not float32 of shape (8, 64)")
    versions = [f"Python {python_version()}", *(f"{name} {version(name)}" for name in PACKAGES)]
    path = Path(__file__).with_suffix(".npz")
    np.savez_compressed(path, **arrays, versions=np.array(versions))
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
