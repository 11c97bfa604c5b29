// A small network in plain JavaScript: what it returns, and where relevance goes (LRP). It computes what
// earwitness.attribution computes; tests/book/chapters/test_page_networks.py holds both to each other.
//
// A network is a list of layers with their weights; a value is { data: Float32Array, shape }. On the way back runs c,
// relevance over value, as in the library: each layer turns the c of its output into the c of its input, and relevance
// of the input is its value times its c.
(() => {
  const own = (globalThis.EarwitnessNetworks ??= {});
  const size = (shape) => shape.reduce((product, n) => product * n, 1);
  const zeros = (shape) => ({ data: new Float32Array(size(shape)), shape });
  const positive = (values, gamma) => (gamma ? values.map((w) => w + gamma * Math.max(w, 0)) : values);

  // --- weights: half precision, little-endian, in base64
  const half = (bits) => {
    const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
    return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction);
  };
  const unpack = (text) => {
    const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
    return Float32Array.from(new Uint16Array(bytes.buffer), half);
  };
  // Weights arrive as one text for all layers, each layer says how many are its own.
  const assemble = ({ layers, weights }) => {
    const all = unpack(weights);
    let at = 0;
    const take = (n) => all.subarray(at, (at += n));
    return layers.map((layer) => (layer.sizes
      ? { ...layer, ...Object.fromEntries(Object.entries(layer.sizes).map(([name, n]) => [name, take(n)])) } : layer));
  };

  // --- convolution over (channel, row, column), stride 1, zeros around
  const eachTap = (layer, [, rows, columns], visit) => {
    const [kr, kc] = layer.kernel, [pr, pc] = layer.padding;
    const outRows = rows + 2 * pr - kr + 1, outColumns = columns + 2 * pc - kc + 1;
    for (let o = 0; o < layer.out; o++) {
      for (let i = 0; i < layer.in; i++) {
        for (let r = 0; r < kr; r++) {
          for (let c = 0; c < kc; c++) {
            const tap = ((o * layer.in + i) * kr + r) * kc + c;
            const firstRow = Math.max(0, pr - r), lastRow = Math.min(outRows, rows + pr - r);
            const first = Math.max(0, pc - c), last = Math.min(outColumns, columns + pc - c);
            for (let row = firstRow; row < lastRow; row++) {
              const from = (i * rows + row + r - pr) * columns + c - pc, to = (o * outRows + row) * outColumns;
              visit(tap, from + first, to + first, last - first);
            }
          }
        }
      }
    }
    return [layer.out, outRows, outColumns];
  };
  const convolve = (layer, x, weight, bias) => {
    const [, rows, columns] = x.shape, [kr, kc] = layer.kernel, [pr, pc] = layer.padding;
    const y = zeros([layer.out, rows + 2 * pr - kr + 1, columns + 2 * pc - kc + 1]), n = y.shape[1] * y.shape[2];
    bias.forEach((b, o) => y.data.fill(b, o * n, (o + 1) * n));
    const { data } = x, result = y.data;
    eachTap(layer, x.shape, (tap, from, to, length) => {
      const w = weight[tap];
      for (let k = 0; k < length; k++) result[to + k] += w * data[from + k];
    });
    return y;
  };
  const transposed = (layer, shape, c, weight) => {
    const result = new Float32Array(size(shape));
    eachTap(layer, shape, (tap, from, to, length) => {
      const w = weight[tap];
      for (let k = 0; k < length; k++) result[from + k] += w * c[to + k];
    });
    return result;
  };

  // --- sums share by the epsilon rule; with gamma, positive weights count more (for inputs that are not negative)
  const ratio = (c, y, z, epsilon) => c.map((value, k) => value * y[k] / (z[k] + (z[k] < 0 ? -epsilon : epsilon)));

  const KINDS = {
    conv: {
      forward: (layer, x) => convolve(layer, x, layer.weight, layer.bias),
      back: (layer, x, y, c, { gamma, epsilon }) => {
        const weight = positive(layer.weight, gamma);
        const z = gamma ? convolve(layer, x, weight, positive(layer.bias, gamma)).data : y.data;
        const own = gamma ? c.map((value, k) => (y.data[k] > 0 ? value : 0)) : c;
        return transposed(layer, x.shape, ratio(own, y.data, z, epsilon), weight);
      },
    },
    dense: {
      forward: (layer, x) => {
        const y = zeros([layer.out]), n = layer.in;
        for (let o = 0; o < layer.out; o++) {
          let sum = layer.bias[o];
          for (let i = 0; i < n; i++) sum += layer.weight[o * n + i] * x.data[i];
          y.data[o] = sum;
        }
        return y;
      },
      back: (layer, x, y, c, { epsilon }) => {
        const of = ratio(c, y.data, y.data, epsilon), result = new Float32Array(layer.in);
        of.forEach((share, o) => {
          for (let i = 0; share && i < layer.in; i++) result[i] += share * layer.weight[o * layer.in + i];
        });
        return result;
      },
    },
    relu: {
      forward: (_, x) => ({ data: x.data.map((value) => Math.max(value, 0)), shape: x.shape }),
      back: (_, x, y, c) => c.map((value, k) => (x.data[k] > 0 ? value : 0)),
    },
    pool: {                                               // the largest of each window; on the way back it takes all
      forward: (layer, x) => {
        const [n, rows, columns] = x.shape, [kr, kc] = layer.kernel, [pr, pc] = layer.padding;
        const y = zeros([n, Math.floor((rows + 2 * pr - kr) / kr) + 1, Math.floor((columns + 2 * pc - kc) / kc) + 1]);
        y.from = new Int32Array(y.data.length);
        let to = 0;
        for (let channel = 0; channel < n; channel++) {
          for (let row = 0; row < y.shape[1]; row++) {
            for (let column = 0; column < y.shape[2]; column++, to++) {
              let most = -Infinity;
              for (let r = Math.max(0, row * kr - pr); r < Math.min(rows, row * kr - pr + kr); r++) {
                for (let k = Math.max(0, column * kc - pc); k < Math.min(columns, column * kc - pc + kc); k++) {
                  const at = (channel * rows + r) * columns + k;
                  if (x.data[at] > most) { most = x.data[at]; y.from[to] = at; }
                }
              }
              y.data[to] = most;
            }
          }
        }
        return y;
      },
      back: (_, x, y, c) => {
        const result = new Float32Array(x.data.length);
        c.forEach((value, k) => { result[y.from[k]] += value; });
        return result;
      },
    },
    mean: {                                               // over the last axis
      forward: (_, x) => {
        const n = x.shape[2], y = zeros([x.shape[0] * x.shape[1]]);
        x.data.forEach((value, k) => { y.data[Math.floor(k / n)] += value / n; });
        return y;
      },
      back: (_, x, y, c) => x.data.map((value, k) => c[Math.floor(k / x.shape[2])] / x.shape[2]),
    },
    flatten: {
      forward: (_, x) => ({ data: x.data, shape: [x.data.length] }),
      back: (_, x, y, c) => c,
    },
  };

  // All values on the way, the input first.
  const run = (layers, input) => layers.reduce(
    (values, layer) => [...values, KINDS[layer.kind].forward(layer, values.at(-1))], [input]);
  const output = (layers, input) => layers.reduce((x, layer) => KINDS[layer.kind].forward(layer, x), input).data;

  // c of the input, from c of the output.
  const back = (layers, values, c, rules) => layers.reduceRight(
    (arriving, layer, k) => KINDS[layer.kind].back(layer, values[k], values[k + 1], arriving, rules), c);

  // Relevance for one output; with `against`, for the difference of two.
  const relevance = (layers, values, wanted, against = null, rules = { gamma: 0.25, epsilon: 1e-6 }) => {
    const start = new Float32Array(values.at(-1).data.length);
    start[wanted] = 1;
    if (against !== null) start[against] = -1;
    const c = back(layers, values, start, rules);
    return values[0].data.map((value, k) => value * c[k]);
  };

  const softmax = (logits) => {
    const most = Math.max(...logits), powers = Array.from(logits, (value) => Math.exp(value - most));
    const sum = powers.reduce((total, value) => total + value, 0);
    return powers.map((value) => value / sum);
  };

  // --- random numbers that come again, and the same layers with random weights (He et al. 2015)
  const generator = (seed) => () => {                     // mulberry32
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const untrained = (layers, seed) => {
    const random = generator(seed);
    const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return layers.map((layer) => {
      if (!layer.weight) return layer;
      const deviation = Math.sqrt(2 / (layer.weight.length / layer.out));
      return { ...layer, weight: layer.weight.map(() => deviation * normal()), bias: layer.bias.map(() => 0) };
    });
  };

  own.engine = { assemble, run, output, back, relevance, softmax, untrained, generator, unpack, zeros, ratio, KINDS };
})();
