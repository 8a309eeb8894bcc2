"""One small function for each operation and idiom that pages use, for `test_live.py`.

All take x, (4, 5) in double precision.
"""

import math

import torch
from torch.func import grad, hessian, jacfwd, jacrev, jvp, vmap
from torch.nn import functional as F

D = torch.float64
rng = torch.Generator().manual_seed(5)
A = torch.randn(4, 5, dtype=D, generator=rng)
S = A @ A.T + torch.eye(4, dtype=D)
W = torch.randn(5, 3, dtype=D, generator=rng)
WEIGHTS = torch.rand(4, 5, dtype=D, generator=rng)
TINY = torch.ones(4, 4, dtype=D)
TINY[0, 0] = 1e-14  # times a pivot, which then must not be taken
I = torch.tensor([2, 0, 1, 1])  # noqa: E741  an index
COLUMNS = torch.tensor([[0, 4, 2], [3, 3, 1], [1, 0, 4], [2, 2, 2]])
PLACES = torch.tensor([[3, 1, 7, 0, 2]] * 4)
CLASSES = torch.tensor([2, 0, 1, 1])
LEVELS = torch.linspace(-2, 2, 9, dtype=D)


def positive(x):
    return S + x @ x.T


def changed(x, at, value, add=False):
    y = x.clone()
    y[at] = y[at] + value if add else value
    return y


def eigen(x):
    values, vectors = torch.linalg.eigh(positive(x))
    return values, vectors @ torch.diag(values.log()) @ vectors.mT


def rebuilt(x):
    U, s, V = torch.linalg.svd(x, full_matrices=False)
    return s, (U * s.sqrt()) @ V


def orthogonal(x):
    Q, R = torch.linalg.qr(x.T)
    return Q, R


def backward(x):
    z = x.detach().clone().requires_grad_()
    z = z + (x - x.detach())
    return torch.autograd.grad(torch.tanh(z @ W).square().sum(), z)[0]


def hidden(x):
    return torch.tanh(x @ W)


IDIOMS = {
    # shapes, views, strides
    "broadcast": lambda x: x[:, None] * x[None] + x[:1],
    "stride": lambda x: x[::2, 1:4:2].T.exp(),
    "view of a transpose": lambda x: x.T.reshape(2, 10) + x.T.flatten().view(2, 10),
    "expand": lambda x: x[:, :1].expand(4, 6) * 2,
    "flip": lambda x: (x.flip(0, 1), x.flip(-1)),
    "roll": lambda x: x.roll(2, 1),
    "rot90": lambda x: torch.rot90(x),
    "cat": lambda x: torch.cat([x, x.flip(0), x[:1]]),
    "cat of types": lambda x: torch.cat([x, x.float(), x > 0]),
    "stack": lambda x: torch.stack([x, x**2], 1),
    "split": lambda x: x.split([2, 3], 1)[1] * x.chunk(2)[0].sum(),
    "unbind": lambda x: torch.stack([row.sum() for row in x]),
    "pad": lambda x: (F.pad(x, (1, 2, 0, 1), value=3.0), F.pad(x, (-1, 1))),
    "diagonal": lambda x: (x.diagonal(), torch.diag(x[:, 0]), x.diagonal(1)),
    "triangles": lambda x: x.tril(-1) + x.triu(1),
    "repeat": lambda x: (x.repeat(2, 1), x.repeat_interleave(2, 0), x.tile(2)),
    "meshgrid": lambda x: sum(torch.meshgrid(x[0], x[1], indexing="ij")),
    "unfold": lambda x: x.unfold(1, 3, 1).sum(-1),
    "empty": lambda x: (x[:0].exp(), x[:, :0].sum(1), torch.cat([x[:0], x[:0]])),
    "scalar": lambda x: (x[1, 2] * x[0, 0], x[1, 2].exp()[None]),
    "permute": lambda x: x[:, None, :].permute(2, 0, 1).squeeze(-1) - 1,
    "movedim": lambda x: x.view(2, 2, 5).movedim(0, -1).contiguous(),
    # picking and placing
    "index": lambda x: (x[I], x[:, I], x[I, I], x[None, ..., I], x[I[:, None], I]),
    "negative index": lambda x: x[torch.tensor([-1, -2])],
    "index that moves": lambda x: x[x.argmax(0) % 4],
    "gather": lambda x: (x.gather(1, COLUMNS), x.take(I)),
    "index_select": lambda x: x.index_select(1, I),
    "apart": lambda x: x[None].expand(2, 4, 5)[torch.tensor([0, 1]), :, torch.tensor([1, 3])],
    "set a column": lambda x: changed(x, (slice(None), 2), x[:, 0] ** 2),
    "set rows": lambda x: changed(x, I[:2], x[:2]),
    "add to a slice": lambda x: changed(x, slice(1, None), x[:-1], add=True),
    "masked fill": lambda x: x.masked_fill(x > 0, 7.0),
    "index_add": lambda x: torch.zeros(3, 5, dtype=D).index_add(0, I, x),
    "scatter": lambda x: torch.zeros(4, 9, dtype=D).scatter(1, PLACES, x),
    "scatter_add": lambda x: torch.zeros(4, 3, dtype=D).scatter_add(1, PLACES % 3, x),
    "scatter a number": lambda x: x.scatter(1, COLUMNS[:, :1], 3.0),
    "embedding": lambda x: F.embedding(I, x),
    "where": lambda x: (torch.where(x > 0, x, 0.1 * x), torch.where(x > 0, 1.0, math.nan)),
    "clamp": lambda x: (x.clamp(-0.5, 0.5), x.clamp(min=x.mean()), x.clamp_max(0.1)),
    # reductions and order
    "sums": lambda x: (x.sum(), x.sum(0), x.mean(1, keepdim=True), x.mean(), x.prod(0)),
    "spread": lambda x: (x.var(1), x.std(), torch.var_mean(x, 0), x.var(1, correction=0)),
    "norms": lambda x: (x.norm(dim=1), x.norm(), torch.linalg.matrix_norm(x), x.abs().amax()),
    "extremes": lambda x: (x.max(), x.max(1), x.min(0, keepdim=True), x.amax(0), x.aminmax()),
    "arg": lambda x: (x.argmin(1), x.argmax(), x.argmax(0, keepdim=True), x.round().argmax(1)),
    "any all": lambda x: ((x > 0).any(0), (x > -2).all(1), (x > 0).all(), x.any()),
    "running": lambda x: (x.cumsum(1), x.cumsum(0), x.cumprod(1), (x > 0).cumsum(1)),
    "sort": lambda x: (x.sort(1), x.sort(0, descending=True), x.round().sort(stable=True)),
    "order": lambda x: (x.argsort(0), x.topk(2, 1), x.topk(2, 0, largest=False)),
    "middle": lambda x: (x.median(1), x.median(), x.kthvalue(2, 1), x.quantile(0.3, 1)),
    "searchsorted": lambda x: (
        torch.searchsorted(LEVELS, x),
        torch.bucketize(x, LEVELS, right=True),
    ),
    "counts": lambda x: (
        (x.flatten()[:, None] > LEVELS[:-1]) & (x.flatten()[:, None] <= LEVELS[1:])
    ).sum(0),
    "one hot": lambda x: (x.argmax(1)[:, None] == torch.arange(5)).double(),
    # numbers and types
    "types": lambda x: (x.float() @ W.float(), (x * 3).long() // 2, (x * 3).int() % 3, x.bool()),
    "bools": lambda x: (((x > 0) ^ (x < 1)) | ~(x > 0.5), (x > 0) & (x < 1), (x > 0) * x),
    "powers": lambda x: (x**3, x.abs() ** 0.5, 2.0**x, x.abs() ** x, x.square(), x**-1),
    "modulo": lambda x: (x % 0.7, torch.fmod(x, 0.7), x // 0.3, torch.remainder(x, -0.7)),
    "reverse": lambda x: (1 - x, 2 / x, 1 + x, torch.sub(x, x.flip(0), alpha=2.0), -x),
    "two": lambda x: (torch.atan2(x, x.flip(0)), torch.hypot(x, x.flip(0)), x.copysign(x.flip(0))),
    "logs": lambda x: (
        torch.logaddexp(x, x.flip(0)),
        x.logsumexp(1),
        torch.xlogy(x.abs(), x.abs()),
    ),
    "nan": lambda x: ((x / 0 * 0).nan_to_num(5.0), (x / 0).isinf(), (x / 0).isfinite(), x.sqrt()),
    "small": lambda x: (
        torch.lerp(x, x.flip(0), 0.3),
        x.frac(),
        torch.sinc(x),
        torch.heaviside(x, x),
    ),
    "infinity": lambda x: (torch.where(x > 0, math.inf, -math.inf) * x, (x * 1e300) * 1e300),
    # activations, losses, layers
    "softmax": lambda x: (x.softmax(1), x.log_softmax(0), F.softmin(x, 0)),
    "curves": lambda x: tuple(
        f(x) for f in (F.relu, F.silu, F.gelu, F.softplus, F.elu, torch.tanh)
    ),
    "more curves": lambda x: tuple(f(x) for f in (F.mish, F.selu, F.hardtanh, F.softsign, F.celu)),
    "gates": lambda x: (
        F.glu(x[:, :4]),
        F.gelu(x, approximate="tanh"),
        F.leaky_relu(x),
        F.logsigmoid(x),
    ),
    "losses": lambda x: (F.mse_loss(x, 0 * x), F.huber_loss(x, 0 * x), F.smooth_l1_loss(x, 0 * x)),
    "entropies": lambda x: (F.cross_entropy(x, CLASSES), F.nll_loss(x.log_softmax(1), CLASSES)),
    "binary entropy": lambda x: F.binary_cross_entropy_with_logits(x, torch.ones_like(x)),
    "norm layers": lambda x: (F.layer_norm(x, (5,)), F.rms_norm(x, (5,)), F.group_norm(x[None], 2)),
    "batch norm": lambda x: F.batch_norm(x, None, None, training=True),
    "attention": lambda x: F.scaled_dot_product_attention(
        x[None], x[None], x[None], is_causal=True
    ),
    "similar": lambda x: (
        F.cosine_similarity(x, x.flip(0)),
        F.normalize(x, dim=1),
        torch.cdist(x, x.flip(0)),
    ),
    "convolutions": lambda x: (
        F.conv1d(x[None], S[:2, :, None]),
        F.conv2d(x[None, None], S[None, None, :2, :2], padding=1),
    ),
    "steps of a convolution": lambda x: F.conv1d(
        x[None], A[None, :, :2], A[:1, 0], stride=2, padding=1, dilation=2
    ),
    "pools": lambda x: (
        F.avg_pool2d(x[None], 2),
        F.max_pool2d(x[None], 2),
        F.max_pool2d(x[None], 3, 1, 1),
    ),
    # products and linear algebra
    "products": lambda x: (
        x @ W,
        x @ W[:, 0],
        x[0] @ x[1],
        torch.outer(x[0], x[:, 1]),
        torch.kron(x[:2, :2], x[:2]),
    ),
    "batches": lambda x: (x[None] @ W.expand(2, 5, 3), torch.baddbmm(x[None], S[None], x[None])),
    "einsum": lambda x: (torch.einsum("ij,jk,il->kl", x, W, x), torch.tensordot(x, W, 1)),
    "affine": lambda x: (F.linear(x, W.T, W[0]), torch.addmm(W[:4], x, W), (x @ x.T).trace()),
    "solve": lambda x: (
        torch.linalg.solve(positive(x), x),
        torch.linalg.solve(positive(x), x[:, 0]),
    ),
    "solve with a tiny pivot": lambda x: torch.linalg.solve(positive(x) * TINY, x),
    "batched solve": lambda x: torch.linalg.solve(torch.stack([S, 2 * S]) + x[0, 0], x),
    "inverse": lambda x: (torch.linalg.inv(positive(x)), torch.linalg.matrix_power(S * x[0, 0], 3)),
    "cholesky": lambda x: (
        torch.linalg.cholesky(positive(x)),
        torch.cholesky_solve(x, torch.linalg.cholesky(positive(x))),
    ),
    "triangular": lambda x: torch.linalg.solve_triangular(
        torch.linalg.cholesky(positive(x)), x, upper=False
    ),
    "from the right": lambda x: torch.linalg.solve_triangular(
        torch.linalg.cholesky(positive(x)).mT, x.T, upper=True, left=False
    ),
    "eigh": eigen,
    "svd": rebuilt,
    "tall svd": lambda x: rebuilt(x.T),
    "qr": orthogonal,
    "det": lambda x: (
        torch.linalg.det(positive(x)),
        torch.linalg.slogdet(x[:, :4]),
        torch.logdet(positive(x)),
    ),
    "least squares": lambda x: (
        torch.linalg.lstsq(x.T, x.T[:, :1] ** 2).solution,
        torch.linalg.pinv(x),
    ),
    "rank": lambda x: torch.linalg.pinv(torch.outer(x[0], x[1])),
    # derivatives
    "grad": lambda x: grad(lambda z: F.cross_entropy(hidden(z), CLASSES))(x),
    "autograd": backward,
    "grad of a solve": lambda x: grad(lambda z: torch.linalg.solve(positive(z), z).sum())(x),
    "grad of cholesky": lambda x: grad(lambda z: torch.linalg.cholesky(positive(z)).sum())(x),
    "grad of eigh": lambda x: grad(lambda z: torch.linalg.eigvalsh(positive(z))[-1])(x),
    "grad of svd": lambda x: grad(lambda z: torch.linalg.svdvals(z).sum())(x),
    "grad of det": lambda x: grad(lambda z: torch.linalg.slogdet(positive(z))[1])(x),
    "grad of layers": lambda x: grad(lambda z: (F.layer_norm(z, (5,)) * WEIGHTS).sum())(x),
    "grad of picks": lambda x: grad(lambda z: z[I, I].square().sum() + z.max(1).values.sum())(x),
    "grad of order": lambda x: grad(lambda z: (z.sort(1).values * torch.arange(5)).sum())(x),
    "grad of curves": lambda x: grad(lambda z: (F.gelu(z) + F.softplus(z) + F.silu(z)).sum())(x),
    "grad of norms": lambda x: grad(lambda z: z.norm(dim=1).sum() + z.clamp(-0.5, 0.5).sum())(x),
    "grad of a sum": lambda x: grad(lambda z: z.cumsum(1).square().sum())(x),
    "jacobians": lambda x: (jacrev(hidden)(x), jacfwd(hidden)(x)),
    "hessian": lambda x: hessian(lambda z: hidden(z).sum())(x[0]),
    "vmap": lambda x: vmap(grad(lambda z: hidden(z).prod()))(x),
    "grad of a grad": lambda x: grad(lambda z: grad(lambda y: hidden(y).sum())(z).square().sum())(
        x
    ),
    "jvp": lambda x: jvp(lambda z: jvp(hidden, (z,), (x.flip(0),))[1], (x,), (x + 1,))[1],
}

UNARY = """
abs acos acosh asin asinh atan atanh ceil cos cosh erf erfc exp exp2 expm1 floor isfinite isinf
isnan log log10 log1p log2 logical_not neg reciprocal relu round rsqrt sgn sigmoid sign sin sinh
sqrt square tan tanh trunc
"""
BINARY = """
add atan2 copysign eq fmax fmin floor_divide fmod ge gt hypot le logical_and logical_or
logical_xor lt maximum minimum mul ne pow remainder sub true_divide
"""
QUOTIENTS = {"fmod", "remainder", "floor_divide"}  # torch's own are wrong for 1e30 / 1e-30
SPECIAL = [math.nan, math.inf, -math.inf, 0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 1.5, 2.5, -2.5, 3.0]
SPECIAL += [-7.0, 20.0, -20.0, 1e-8, -1e-8, 1e-30, 1e30, -1e30, 0.3, -0.9, 5.9, -6.1]

# What pages cannot run, and a word of what is said.
REFUSED = {
    "mask": (lambda x: x[x > 0], "torch.where"),
    "nonzero": (lambda x: (x > 0).nonzero(), "nonzero"),
    "random": (lambda x: x + torch.rand(4, 5, dtype=D), "random"),
    "dropout": (lambda x: F.dropout(x, 0.5), "random"),
    "complex": (lambda x: torch.fft.rfft(x).abs(), "_fft_r2c"),
    "full svd": (lambda x: torch.linalg.svd(x).Vh[:, -1].abs(), "full_matrices=False"),
    "unknown": (lambda x: torch.lgamma(x.abs() + 1), "lgamma"),
    "branch": (lambda x: x if x.sum() > 0 else -x, "torch.where"),
    "item": (lambda x: x * x.sum().item(), "0-d tensor"),
    "half": (lambda x: x.half() + 1, "float16"),
}
