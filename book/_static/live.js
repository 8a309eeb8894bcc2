// Runs a program that helpers/live wrote from a torch function: buffers, and loops over them.
//
// An operand is a buffer's number, walked from its start; a negative number, -1 for the first of the
// pool of scalars; or [buffer, offset, ...strides]. Every loop is planned once, when the program is
// read, and returned as a function without arguments.
(() => {
  "use strict";
  const { abs, ceil, exp, floor, log, sign, sqrt, trunc, PI } = Math;

  // ---- numbers, as torch has them -------------------------------------------------------------
  const most = (a, b) => (a > b || a !== a ? a : b);
  const least = (a, b) => (a < b || a !== a ? a : b);
  const even = (a) => { // halves go to the even neighbour
    const low = floor(a), rest = a - low;
    return rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : rest >= 0.5 ? low + 1 : a;
  };
  const remainder = (a, b) => {
    const rest = a % b;
    return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
  };
  const floored = (a, b) => {
    if (b === 0) return a / b;
    const rest = a % b, quotient = (a - rest) / b - (rest !== 0 && rest < 0 !== b < 0 ? 1 : 0);
    const low = floor(quotient);
    return quotient - low > 0.5 ? low + 1 : low;
  };
  const power = (a, b) => (a === 1 || (a === -1 && abs(b) === Infinity) ? 1 : a ** b);

  function erf(x) { // a series of positive terms; beyond 3 by erfc
    const z = abs(x);
    if (z >= 3) return sign(x) * (1 - tail(z));
    let sum = z;
    for (let n = 1, term = z; term > 1e-17 * sum; n++) sum += (term *= (2 * z * z) / (2 * n + 1));
    return x !== x ? x : (sign(x) * 2 * exp(-z * z) * sum) / sqrt(PI);
  }
  function tail(z) { // erfc of z >= 3 by its continued fraction
    if (z > 27) return 0;
    let fraction = z;
    for (let k = 60; k > 0; k--) fraction = z + k / 2 / fraction;
    return exp(-z * z) / sqrt(PI) / fraction;
  }

  const OPERATIONS = {
    id: (a) => a, bool: (a) => +(a !== 0), not: (a) => +(a === 0), neg: (a) => -a, reciprocal: (a) => 1 / a,
    rsqrt: (a) => 1 / sqrt(a), relu: (a) => (a > 0 || a !== a ? a : 0), round: even, exp2: (a) => 2 ** a,
    sigmoid: (a) => 1 / (1 + exp(-a)), sign: (a) => (a > 0) - (a < 0), erf,
    erfc: (a) => (a > 3 ? tail(a) : 1 - erf(a)), isnan: (a) => +(a !== a), isinf: (a) => +(abs(a) === Infinity),
    add: (a, b) => a + b, sub: (a, b) => a - b, mul: (a, b) => a * b, div: (a, b) => a / b,
    pow: power, maximum: most, minimum: least, fmod: (a, b) => a % b, remainder,
    fmax: (a, b) => (a >= b || b !== b ? a : b), fmin: (a, b) => (a <= b || b !== b ? a : b),
    div_floor: floored, div_trunc: (a, b) => trunc(a / b), hypot: Math.hypot,
    eq: (a, b) => +(a === b), ne: (a, b) => +(a !== b), lt: (a, b) => +(a < b),
    le: (a, b) => +(a <= b), gt: (a, b) => +(a > b), ge: (a, b) => +(a >= b),
    and: (a, b) => a & b, or: (a, b) => a | b, where: (c, a, b) => (c ? a : b),
    copysign: (a, b) => (b < 0 || Object.is(b, -0) ? -abs(a) : abs(a)),
  };
  for (const name of ("abs acos acosh asin asinh atan atan2 atanh ceil cos cosh exp expm1 floor log log10 log1p"
    + " log2 sin sinh sqrt tan tanh trunc").split(" ")) OPERATIONS[name] = Math[name];

  const FOLDS = { // where a reduction starts, and its step
    sum: [0, (s, x) => s + x], prod: [1, (s, x) => s * x], max: [-Infinity, most], min: [Infinity, least],
  };

  // ---- loops ------------------------------------------------------------------------------------
  const natural = (dims) => dims.map((_, d) => dims.slice(d + 1).reduce((a, b) => a * b, 1));

  // Calls visit(positions) at every index of dims: positions[j] = offsets[j] + strides[j] . index
  function walk(dims, offsets, strides, visit) {
    const at = new Int32Array(dims.length), positions = Int32Array.from(offsets);
    let left = dims.reduce((a, b) => a * b, 1);
    while (left-- > 0) {
      visit(positions);
      for (let d = dims.length - 1; d >= 0; d--) {
        for (let j = 0; j < positions.length; j++) positions[j] += strides[j][d];
        if (++at[d] < dims[d]) break;
        for (let j = 0; j < positions.length; j++) positions[j] -= strides[j][d] * dims[d];
        at[d] = 0;
      }
    }
  }

  // Neighbouring dimensions along which all operands go on without a gap become one; there is at least one.
  function merged(shape, strides) {
    const dims = [1], kept = strides.map(() => [0]);
    shape.forEach((size, d) => {
      if (size === 1) return;
      const last = dims.length - 1, fits = dims[last] === 1 || strides.every((s, j) => kept[j][last] === size * s[d]);
      if (fits) dims[last] *= size;
      else dims.push(size);
      strides.forEach((s, j) => { kept[j][dims.length - 1] = s[d]; });
    });
    return { dims, strides: kept };
  }

  // One line of an elementwise loop: o, p, dp are the array written, where, and by which step.
  const LINES = [
    null,
    (f, n, o, p, dp, a, i, di) => { for (; n > 0; n--, p += dp, i += di) o[p] = f(a[i]); },
    (f, n, o, p, dp, a, i, di, b, j, dj) => { for (; n > 0; n--, p += dp, i += di, j += dj) o[p] = f(a[i], b[j]); },
    (f, n, o, p, dp, a, i, di, b, j, dj, c, k, dk) => {
      for (; n > 0; n--, p += dp, i += di, j += dj, k += dk) o[p] = f(a[i], b[j], c[k]);
    },
  ];
  const QUICK = { // the commonest loops without a call for each entry
    id: (f, n, o, p, dp, a, i, di) => { for (; n > 0; n--, p += dp, i += di) o[p] = a[i]; },
    add: (f, n, o, p, dp, a, i, di, b, j, dj) => { for (; n > 0; n--, p += dp, i += di, j += dj) o[p] = a[i] + b[j]; },
    sub: (f, n, o, p, dp, a, i, di, b, j, dj) => { for (; n > 0; n--, p += dp, i += di, j += dj) o[p] = a[i] - b[j]; },
    mul: (f, n, o, p, dp, a, i, di, b, j, dj) => { for (; n > 0; n--, p += dp, i += di, j += dj) o[p] = a[i] * b[j]; },
  };

  const KINDS = {
    map(program, [out, name, shape, ...operands]) { // elementwise
      const all = [out, ...operands].map((x) => program.operand(x, shape));
      const { dims, strides } = merged(shape, all.map((x) => x.strides)), last = dims.length - 1;
      const f = OPERATIONS[name], line = QUICK[name] || LINES[operands.length], outer = dims.slice(0, -1);
      const [o, a, b = {}, c = {}] = all.map((x, j) => ({ data: x.data, step: strides[j][last] }));
      const run = (at) => line(f, dims[last], o.data, at[0], o.step, a.data, at[1], a.step, b.data, at[2], b.step, c.data, at[3], c.step);
      const starts = all.map((x) => x.offset), steps = strides.map((s) => s.slice(0, -1));
      return outer.length ? () => walk(outer, starts, steps, run) : () => run(starts);
    },

    fold(program, [out, name, outer, inner, operand]) { // reduction
      const o = program.operand(out, outer), { data, offset, strides } = program.operand(operand, [...outer, ...inner]);
      const along = strides.slice(outer.length), last = inner.length - 1;
      const n = last < 0 ? 1 : inner[last], step = last < 0 ? 0 : along[last];
      const middle = inner.slice(0, -1), steps = [along.slice(0, -1)];
      const [start, f] = FOLDS[name];
      const line = (s, i) => { for (let j = 0; j < n; j++, i += step) s = f(s, data[i]); return s; };
      return () => walk(outer, [0, offset], [natural(outer), strides.slice(0, outer.length)], ([to, from]) => {
        let s = start;
        if (middle.length) walk(middle, [from], steps, ([at]) => { s = line(s, at); });
        else s = line(s, from);
        o.data[to] = s;
      });
    },

    matmul(program, [out, [batch, m, k, n], left, right]) {
      const o = program.buffers[out], A = program.buffers[left[0]], B = program.buffers[right[0]];
      const [, a, ab, ai, ak] = left, [, b, bb, bk, bj] = right, row = new Float64Array(n);
      return () => {
        for (let t = 0, p = 0; t < batch; t++)
          for (let i = 0; i < m; i++, p += n) {
            row.fill(0);
            for (let q = 0; q < k; q++) {
              const x = A[a + t * ab + i * ai + q * ak];
              for (let j = 0, r = b + t * bb + q * bk; j < n; j++, r += bj) row[j] += x * B[r];
            }
            o.set(row, p);
          }
      };
    },

    take(program, [out, source, index]) {
      const [o, data, at] = [out, source, index].map((x) => program.buffers[x]);
      return () => { for (let i = 0; i < o.length; i++) o[i] = data[at[i]]; };
    },

    put(program, [out, how, index, source]) {
      const [o, at, data] = [out, index, source].map((x) => program.buffers[x]), add = how === "add";
      return () => { for (let i = 0; i < at.length; i++) o[at[i]] = add ? o[at[i]] + data[i] : data[i]; };
    },

    routine(program, [out, name, batch, sizes, ...operands]) { // one by one, in double precision
      const o = program.buffers[out], from = operands.map((x) => program.buffers[x]), f = ROUTINES[name];
      const part = (x, b) => x.subarray((b * x.length) / batch, ((b + 1) * x.length) / batch);
      return () => {
        for (let b = 0; b < batch; b++) part(o, b).set(f(sizes, ...from.map((x) => Float64Array.from(part(x, b)))));
      };
    },
  };

  // ---- routines: lines, and matrices as rows one after the other --------------------------------
  const below = (x, y) => x < y || (y !== y && x === x); // NaN is the largest
  const running = (f, start, line) => { let s = start; return line.map((x) => (s = f(s, x))); };

  const ROUTINES = {
    sort([n, descending], line) { // the values in their order, then where they stood
      const order = ordered(n, (i, j) => {
        const [x, y] = descending ? [line[j], line[i]] : [line[i], line[j]];
        return below(x, y) ? -1 : below(y, x) ? 1 : i - j;
      });
      return [...order.map((i) => line[i]), ...order];
    },
    cumsum: (_, line) => running((s, x) => s + x, 0, line),
    cumprod: (_, line) => running((s, x) => s * x, 1, line),
    cholesky([n], A) {
      const L = new Float64Array(n * n);
      for (let j = 0; j < n; j++)
        for (let i = j; i < n; i++) {
          let s = A[i * n + j];
          for (let k = 0; k < j; k++) s -= L[i * n + k] * L[j * n + k];
          L[i * n + j] = i === j ? sqrt(s) : s / L[j * n + j];
        }
      return L;
    },
    triangular([n, m, upper, unit], A, X) { return triangle(X, A, n, m, upper, unit); },
    solve([n, m], A, X) { return back(X, A, lu(A, n), n, m); },
    lu([n], A) { // L and U in one, then the pivots, from 1
      const pivots = lu(A, n), both = new Float64Array(n * n + n);
      both.set(A);
      both.set(pivots.map((row) => row + 1), n * n);
      return both;
    },
    lu_solve([n, m], LU, pivots, X) { return back(X, LU, pivots.map((row) => row - 1), n, m); },
    eigh([n], A) { // a row of values, rising, then the matrix whose columns are the vectors
      const V = rotations(A, n), order = ordered(n, (i, j) => A[i * n + i] - A[j * n + j]), both = new Float64Array(n + n * n);
      order.forEach((from, to) => {
        both[to] = A[from * n + from];
        for (let i = 0; i < n; i++) both[n + i * n + to] = V[i * n + from];
      });
      return both;
    },
    svd([m, n], U) { // U (m, n), S (n), V (n, n) of a matrix with m >= n
      const V = onesided(U, m, n), all = new Float64Array(m * n + n + n * n);
      const S = Float64Array.from({ length: n }, (_, j) => Math.hypot(...Array.from({ length: m }, (_, i) => U[i * n + j])));
      ordered(n, (i, j) => S[j] - S[i]).forEach((from, to) => {
        all[m * n + to] = S[from];
        for (let i = 0; i < m; i++) all[i * n + to] = S[from] && U[i * n + from] / S[from];
        for (let i = 0; i < n; i++) all[m * n + n + i * n + to] = V[i * n + from];
      });
      return all;
    },
    qr([m, n], A) { // Q (m, n) and R (n, n) of a matrix with m >= n, by reflections, signs as LAPACK's
      const vectors = [], all = new Float64Array(m * n + n * n), Q = all.subarray(0, m * n);
      const reflect = (v, k, M) => {
        for (let j = 0; j < n; j++) {
          let s = 0;
          for (let i = k; i < m; i++) s += v[i] * M[i * n + j];
          for (let i = k; i < m; i++) M[i * n + j] -= 2 * s * v[i];
        }
      };
      for (let k = 0; k < n; k++) {
        const v = Float64Array.from({ length: m }, (_, i) => (i < k ? 0 : A[i * n + k]));
        if (k < m - 1) v[k] += (v[k] < 0 ? -1 : 1) * Math.hypot(...v);
        else v[k] = 0;
        const length = Math.hypot(...v) || 1;
        vectors.push(v.map((x) => x / length));
        reflect(vectors[k], k, A);
      }
      for (let j = 0; j < n; j++) Q[j * n + j] = 1;
      for (let k = n - 1; k >= 0; k--) reflect(vectors[k], k, Q);
      for (let i = 0; i < n; i++) for (let j = i; j < n; j++) all[m * n + i * n + j] = A[i * n + j];
      return all;
    },
  };
  const ordered = (n, compare) => Array.from({ length: n }, (_, i) => i).sort(compare);

  function triangle(X, A, n, m, upper, unit) {
    for (let t = 0; t < n; t++) {
      const i = upper ? n - 1 - t : t;
      for (let k = upper ? i + 1 : 0; k < (upper ? n : i); k++)
        for (let j = 0; j < m; j++) X[i * m + j] -= A[i * n + k] * X[k * m + j];
      if (!unit) for (let j = 0; j < m; j++) X[i * m + j] /= A[i * n + i];
    }
    return X;
  }
  function swap(A, i, j, n) {
    for (let k = 0; i !== j && k < n; k++) [A[i * n + k], A[j * n + k]] = [A[j * n + k], A[i * n + k]];
  }
  function lu(A, n) { // in place, rows exchanged for the largest pivot
    return Float64Array.from({ length: n }, (_, k) => {
      let best = k;
      for (let i = k + 1; i < n; i++) if (abs(A[i * n + k]) > abs(A[best * n + k])) best = i;
      swap(A, k, best, n);
      for (let i = k + 1; i < n; i++) {
        const f = (A[i * n + k] /= A[k * n + k]);
        for (let j = k + 1; j < n; j++) A[i * n + j] -= f * A[k * n + j];
      }
      return best;
    });
  }
  function back(X, LU, pivots, n, m) {
    for (let k = 0; k < n; k++) swap(X, k, pivots[k], m);
    return triangle(triangle(X, LU, n, m, 0, 1), LU, n, m, 1, 0);
  }

  // Turns columns (or rows: step apart, next from entry to entry) p and q of A by an angle.
  function turn(A, p, q, step, next, n, c, s) {
    for (let k = 0, i = p * step, j = q * step; k < n; k++, i += next, j += next) {
      const u = A[i], v = A[j];
      A[i] = c * u - s * v;
      A[j] = s * u + c * v;
    }
  }
  const identity = (n) => Float64Array.from({ length: n * n }, (_, i) => +(i % (n + 1) === 0));
  function sweeps(n, pair) { // over all pairs, until no pair turns any more
    for (let sweep = 0, moved = true; moved && sweep < 60; sweep++) {
      moved = false;
      for (let p = 0; p < n; p++)
        for (let q = p + 1; q < n; q++) moved = pair(p, q) || moved;
    }
  }
  function angle(tau) {
    const t = (tau < 0 ? -1 : 1) / (abs(tau) + sqrt(1 + tau * tau)), c = 1 / sqrt(1 + t * t);
    return [c, t * c];
  }
  function rotations(S, n) { // Jacobi: S becomes diagonal; returns the vectors
    const V = identity(n);
    sweeps(n, (p, q) => {
      const x = S[p * n + q], a = S[p * n + p], b = S[q * n + q];
      if (abs(x) <= 1e-17 * sqrt(abs(a * b)) || abs(x) < 1e-300) return false;
      const [c, s] = angle((b - a) / (2 * x));
      turn(S, p, q, 1, n, n, c, s);
      turn(S, p, q, n, 1, n, c, s);
      S[p * n + q] = S[q * n + p] = 0;
      turn(V, p, q, 1, n, n, c, s);
      return true;
    });
    return V;
  }
  function onesided(U, m, n) { // Hestenes: the columns of U become orthogonal; returns V
    const V = identity(n);
    sweeps(n, (p, q) => {
      let a = 0, b = 0, x = 0;
      for (let k = 0; k < m * n; k += n) {
        a += U[k + p] ** 2;
        b += U[k + q] ** 2;
        x += U[k + p] * U[k + q];
      }
      if (abs(x) <= 1e-16 * sqrt(a * b) || abs(x) < 1e-300) return false;
      const [c, s] = angle((b - a) / (2 * x));
      turn(U, p, q, 1, n, m, c, s);
      turn(V, p, q, 1, n, n, c, s);
      return true;
    });
    return V;
  }

  // ---- programs -----------------------------------------------------------------------------------
  const ARRAYS = { d: Float64Array, f: Float32Array, i: Float64Array, b: Uint8Array };
  const STORED = { d: Float64Array, f: Float32Array, l: Int32Array, h: Int16Array, b: Int8Array };

  class Program {
    // source: {in: {name: buffer}, out: [buffers], buffers: [[type, size]], scalars, constants, code}
    constructor(source) {
      this.scalars = Float64Array.from(source.scalars, Number);
      this.buffers = source.buffers.map(([type, size]) => new ARRAYS[type](size));
      for (const [i, ...packed] of source.constants) this.buffers[i].set(Program.unpack(packed));
      this.steps = source.code.map(([kind, ...rest]) => KINDS[kind](this, rest));
      this.in = Object.fromEntries(Object.entries(source.in).map(([name, i]) => [name, this.buffers[i]]));
      this.out = source.out.map((i) => this.buffers[i]);
    }

    static unpack([type, text]) {
      return new STORED[type](Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
    }

    run() {
      for (const step of this.steps) step();
      return this.out;
    }

    operand(x, dims) {
      if (Array.isArray(x)) return { data: this.buffers[x[0]], offset: x[1], strides: x.slice(2) };
      if (x < 0) return { data: this.scalars, offset: -1 - x, strides: dims.map(() => 0) };
      return { data: this.buffers[x], offset: 0, strides: natural(dims) };
    }
  }
  globalThis.LiveProgram = Program;
})();
