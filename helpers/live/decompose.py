"""What larger operations are made of: torch's own tables, and what these leave whole."""

import functools
import math

import torch
from torch import Tensor
from torch._decomp import core_aten_decompositions, get_decompositions

from helpers.live.indexing import along, flip, index, index_put, index_select, pad, scatter

aten = torch.ops.aten
FURTHER = """
_log_softmax _log_softmax_backward_data _softmax _softmax_backward_data addcdiv addcmul addmm
addmv arange baddbmm binary_cross_entropy_with_logits celu diagonal_backward dot elu eye frac
gelu gelu_backward glu hardtanh huber_loss leaky_relu lerp linalg_vector_norm linspace logspace
logsumexp masked_fill mish mse_loss mv nan_to_num native_batch_norm native_group_norm
native_layer_norm native_layer_norm_backward nll_loss_backward nll_loss_forward repeat roll
rot90 rsub select_backward selu sigmoid_backward silu silu_backward sinc slice_backward
smooth_l1_loss softplus softplus_backward stack std tanh_backward threshold_backward trace tril
triu unfold_backward xlogy
"""


@functools.cache
def table() -> dict:
    """All decompositions, by overload."""
    named = [getattr(aten, name) for name in FURTHER.split() if hasattr(aten, name)]
    theirs = {**core_aten_decompositions(), **get_decompositions(named)}
    basic = (aten.take, aten.put, aten.cat)
    return {f: how for f, how in theirs.items() if f.overloadpacket not in basic} | OURS


def whole(value: Tensor, dim: int | None) -> tuple[Tensor, int]:
    """A tensor and a dimension; flat where there is no dimension."""
    return (value.flatten(), 0) if dim is None or not value.dim() else (value, dim)


def clamp(x: Tensor, min=None, max=None) -> Tensor:
    for bound, choose in ((min, torch.maximum), (max, torch.minimum)):
        if bound is not None:
            kind = torch.result_type(x, bound)
            x = choose(x.to(kind), torch.as_tensor(bound, dtype=kind))
    return x


def mean(x: Tensor, dim=None, keepdim=False, dtype=None) -> Tensor:
    dims = list(range(x.dim())) if dim is None or dim == [] else dim
    return x.sum(dims, keepdim, dtype=dtype) / math.prod(x.shape[d] for d in dims)


def every(how, x: Tensor, dim=None, keepdim=False) -> Tensor:
    dims = list(range(x.dim())) if dim is None else [dim] if isinstance(dim, int) else dim
    return how(x != 0, dims, keepdim)


def argbest(how, x: Tensor, dim=None, keepdim=False) -> Tensor:
    """The first place of the extreme, or of a NaN."""
    shape = [1] * x.dim() if keepdim and dim is None else None
    x, dim = whole(x, dim)
    if not x.dim():
        return torch.zeros((), dtype=torch.int64)
    n = x.shape[dim]
    ramp = torch.arange(n).view(-1, *[1] * (x.dim() - dim % x.dim() - 1))
    at = torch.where((x == how(x, dim, True)) | (x != x), ramp, n).amin(dim, keepdim)
    return at if shape is None else at.view(shape)


def filled(x: Tensor, *rest, value=None, **how) -> Tensor:
    """What takes nothing but shape and type of a tensor: a full one."""
    shape = rest[0] if rest and isinstance(rest[0], list | tuple) else x.shape
    kind = how.get("dtype") or x.dtype
    return torch.full(shape, rest[-1] if value is None else value, dtype=kind)


def variance(x: Tensor, dim=None, *, correction=1, keepdim=False) -> Tensor:
    return variance_mean(x, dim, correction=correction, keepdim=keepdim)[0]


def variance_mean(x: Tensor, dim=None, *, correction=1, keepdim=False) -> tuple[Tensor, Tensor]:
    dims = list(range(x.dim())) if dim is None or not len(dim) else dim
    mean = x.mean(dims, keepdim=True)
    free = math.prod(x.shape[d] for d in dims) - (1 if correction is None else correction)
    found = (x - mean).square().sum(dims, keepdim=True) / max(free, 0)
    return tuple(v if keepdim else aten.squeeze.dims(v, dims) for v in (found, mean))


def best(how, x: Tensor, dim: int, keepdim=False) -> tuple[Tensor, Tensor]:
    at = how(x, dim, True)
    value = x.gather(dim, at) if x.dim() else x
    return (value, at) if keepdim or not x.dim() else (value.squeeze(dim), at.squeeze(dim))


def topk(x: Tensor, k: int, dim=-1, largest=True, sorted=True) -> tuple[Tensor, Tensor]:
    return tuple(part.narrow(dim, 0, k) for part in x.sort(dim, descending=largest))


def kth(x: Tensor, k: int | None, dim: int, keepdim=False) -> tuple[Tensor, Tensor]:
    """The k-th smallest of each line; the lower median for None."""
    x, dim = whole(x, dim)
    k = (x.shape[dim] + 1) // 2 if k is None else k
    parts = (part.narrow(dim, k - 1, 1) for part in x.sort(dim))
    return tuple(part if keepdim else part.squeeze(dim) for part in parts)


def searchsorted(bounds: Tensor, x, *, right=False, **_) -> Tensor:
    x = torch.as_tensor(x, dtype=bounds.dtype)[..., None]
    bounds = bounds.unsqueeze(-2) if bounds.dim() > 1 else bounds
    return (bounds <= x if right else bounds < x).sum(-1)


def slogdet(A: Tensor) -> tuple:
    LU, pivots, _ = torch.linalg.lu_factor_ex(A)
    diagonal = LU.diagonal(dim1=-2, dim2=-1)
    swaps = (pivots != torch.arange(1, A.shape[-1] + 1)).sum(-1)
    sign = diagonal.sign().prod(-1) * (1 - 2 * (swaps % 2))
    return sign, diagonal.abs().log().sum(-1), LU, pivots


def det(A: Tensor) -> tuple:
    sign, size, LU, pivots = slogdet(A)
    return sign * LU.diagonal(dim1=-2, dim2=-1).abs().prod(-1), LU, pivots


def inverse(A: Tensor, **_) -> tuple:
    one = torch.eye(A.shape[-1], dtype=A.dtype).expand(A.shape)
    return torch.linalg.solve(A, one), torch.zeros(A.shape[:-2], dtype=torch.int32)


def pinv(A: Tensor, *, atol=None, rtol=None, hermitian=False) -> Tensor:
    U, S, Vh = torch.linalg.svd(A, full_matrices=False)
    least = max(A.shape[-2:]) * torch.finfo(A.dtype).eps if rtol is None else rtol
    kept = least * S[..., :1] < S
    return (Vh.mT * torch.where(kept, 1 / S, 0.0)[..., None, :]) @ U.mT


def cdist(x: Tensor, z: Tensor, p: float, mode=None) -> Tensor:
    gaps = x[..., :, None, :] - z[..., None, :, :]
    return torch.linalg.vector_norm(gaps, ord=p, dim=-1)


def cholesky_solve(B: Tensor, L: Tensor, upper=False) -> Tensor:
    low = L.mT if upper else L
    half = torch.linalg.solve_triangular(low, B, upper=False)
    return torch.linalg.solve_triangular(low.mT, half, upper=True)


def windows(x: Tensor, sizes, stride, padding, dilation, fill=0.0) -> Tensor:
    """The last dimensions of x cut into windows: (..., places, ..., sizes, ...)."""
    d, first = len(sizes), x.dim() - len(sizes)
    each = [list(n) if len(n) == d else list(n) * d for n in (stride or sizes, padding, dilation)]
    x = pad(x, [p for p in reversed(each[1]) for _ in range(2)], fill)
    for i, (size, step, gap) in enumerate(zip(sizes, each[0], each[2])):
        x = x.unfold(first + i, (size - 1) * gap + 1, step)[..., ::gap]
    return x


def convolution(x, w, bias, stride, padding, dilation, transposed, output_padding, groups):
    if transposed or groups != 1:
        raise NotImplementedError("a convolution that is transposed or in groups")
    d = w.dim() - 2
    cut = windows(x, w.shape[2:], stride, padding, dilation)
    out = torch.tensordot(cut, w, ([1, *range(-d, 0)], list(range(1, d + 2)))).movedim(-1, 1)
    return out if bias is None else out + bias.view(-1, *[1] * d)


def max_pool(x: Tensor, size, stride=(), padding=(0,), dilation=(1,), ceil_mode=False):
    d = len(size)
    return windows(x, size, stride, padding, dilation, -math.inf).amax(list(range(-d, 0))), None


def mean_pool(x: Tensor, size, stride=(), padding=(0,), *_) -> Tensor:
    return windows(x, size, stride, padding, (1,)).mean(list(range(-len(size), 0)))


OURS = {
    aten.index.Tensor: index,
    aten._unsafe_index.Tensor: index,
    aten.index_put.default: index_put,
    aten._unsafe_index_put.default: index_put,
    aten.gather.default: lambda x, dim, at, **_: torch.take(x, along(x, dim, at)),
    aten.scatter.src: scatter,
    aten.scatter.value: scatter,
    aten.scatter_add.default: functools.partial(scatter, add=True),
    aten.clamp.default: clamp,
    aten.clamp.Tensor: clamp,
    aten.clamp_min.default: clamp,
    aten.clamp_max.default: lambda x, most: clamp(x, None, most),
    aten.mean.default: mean,
    aten.mean.dim: mean,
    aten.max.default: lambda x: x.amax(),
    aten.min.default: lambda x: x.amin(),
    aten.argmax.default: functools.partial(argbest, torch.amax),
    aten.argmin.default: functools.partial(argbest, torch.amin),
    aten.flip.default: flip,
    aten.constant_pad_nd.default: pad,
    aten.index_select.default: index_select,
    aten.embedding.default: lambda weight, at, *_: weight[at],
    aten.var.correction: variance,
    aten.var_mean.correction: variance_mean,
    aten.max.dim: functools.partial(best, torch.argmax),
    aten.min.dim: functools.partial(best, torch.argmin),
    aten.topk.default: topk,
    aten.kthvalue.default: lambda x, k, dim=-1, keepdim=False: kth(x, k, dim, keepdim),
    aten.median.default: lambda x: kth(x.flatten(), None, 0)[0],
    aten.median.dim: lambda x, dim, keepdim=False: kth(x, None, dim, keepdim),
    aten.searchsorted.Tensor: searchsorted,
    aten.searchsorted.Scalar: searchsorted,
    aten.bucketize.Tensor: lambda x, bounds, **how: searchsorted(bounds, x, **how),
    aten._linalg_slogdet.default: slogdet,
    aten._linalg_det.default: det,
    aten.linalg_inv_ex.default: inverse,
    aten.cholesky_solve.default: cholesky_solve,
    aten._cholesky_solve_helper.default: cholesky_solve,
    aten.linalg_pinv.atol_rtol_tensor: pinv,
    aten.linalg_lstsq.default: lambda A, B, *_, **__: (torch.linalg.pinv(A) @ B, *[None] * 3),
    aten._cdist_forward.default: cdist,
    aten.convolution.default: convolution,
    aten.max_pool2d_with_indices.default: max_pool,
    aten.avg_pool2d.default: mean_pool,
}
for _name, _how in {"any": torch.amax, "all": torch.amin}.items():
    for _overload in ("default", "dim", "dims"):
        OURS[getattr(getattr(aten, _name), _overload)] = functools.partial(every, _how)
for _name, _value in {"zeros": 0, "ones": 1, "empty": 0, "full": None}.items():
    for _overload in (getattr(aten, f"{_name}_like"), getattr(aten, f"new_{_name}")):
        OURS[_overload.default] = functools.partial(filled, value=_value)
