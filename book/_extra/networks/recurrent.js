// The quality network in plain JavaScript: six convolutions on each segment of a spectrogram, a bidirectional LSTM over
// the segments, one number; and LRP back through all of it, as earwitness.attribution computes it with the epsilon rule.
(() => {
  const own = globalThis.EarwitnessNetworks, { engine } = own;
  const sigmoid = (x) => 1 / (1 + Math.exp(-x));

  const assemble = ({ layers, weights }) => {
    const whole = engine.assemble({ layers, weights }), of = (kind) => whole.filter((layer) => layer.kind === kind);
    const [settings] = of("segments"), directions = of("lstm"), reading = whole.at(-1);
    const convolutions = whole.filter((layer) => !["segments", "lstm"].includes(layer.kind)).slice(0, -1);
    return { settings, convolutions, directions, reading };
  };

  const segment = ({ data, shape: [, bands, frames] }, start, length) => {
    const part = engine.zeros([1, bands, length]);
    for (let band = 0; band < bands; band++) {
      part.data.set(data.subarray(band * frames + start, band * frames + start + length), band * length);
    }
    return part;
  };
  const starts = ({ length, hop }, frames) => Array.from({ length: Math.floor((frames - length) / hop) + 1 }, (_, k) => k * hop);

  // --- one direction: gates in torch's order i, f, g, o
  const product = (weight, rows, columns, x, from, result) => {
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (let k = 0; k < columns; k++) sum += weight[(from + row) * columns + k] * x[k];
      result[row] += sum;
    }
  };
  const read = (layer, sequence) => {
    const n = layer.units, steps = [];
    let h = new Float64Array(n), cell = new Float64Array(n);
    for (const x of sequence) {
      const signal = Float64Array.from(layer.bias);
      product(layer.weight, 4 * n, layer.in, x, 0, signal);
      product(layer.of_h, 4 * n, n, h, 0, signal);
      const [i, f, g, o] = [0, 1, 2, 3].map((k) => signal.subarray(k * n, (k + 1) * n));
      const written = i.map((value, k) => sigmoid(value) * Math.tanh(g[k])), kept = cell.map((value, k) => sigmoid(f[k]) * value);
      const before = h;
      cell = written.map((value, k) => value + kept[k]);
      h = cell.map((value, k) => sigmoid(o[k]) * Math.tanh(value));
      steps.push({ x, before, content: g, written, kept, cell, h });
    }
    return steps;
  };
  const stable = (value, epsilon) => value + (value < 0 ? -epsilon : epsilon);
  // c of each input, from the relevance of the last state: relevance runs along sums, gates are constants.
  const readBack = (layer, steps, last, epsilon) => {
    const n = layer.units, result = [];
    let ofH = last, ofCell = new Float64Array(n);
    for (const { x, before, content, written, kept, cell } of [...steps].reverse()) {
      const total = ofH.map((value, k) => value + ofCell[k]), ofX = new Float64Array(x.length), pulled = new Float64Array(n);
      total.forEach((value, k) => {
        const share = (value * written[k]) / stable(cell[k], epsilon) / stable(content[k], epsilon), row = 2 * n + k;
        for (let j = 0; j < x.length; j++) ofX[j] += share * layer.weight[row * x.length + j];
        for (let j = 0; j < n; j++) pulled[j] += share * layer.of_h[row * n + j];
      });
      ofCell = total.map((value, k) => (value * kept[k]) / stable(cell[k], epsilon));
      ofH = pulled.map((value, k) => value * before[k]);
      result.unshift(ofX);
    }
    return result;
  };

  // --- the whole: forward keeps what the way back needs
  const same = (a, b) => b && a.every((value, k) => value === b[k]);
  const listening = ({ settings, convolutions }, spectrogram, start, known) => {
    const part = segment(spectrogram, start, settings.length);
    return same(part.data, known?.[0].data) ? known : engine.run(convolutions, part);
  };
  const concluded = ({ directions, reading }, at, values) => {
    const features = values.map((one) => one.at(-1).data);
    const steps = [read(directions[0], features), read(directions[1], [...features].reverse())];
    const joined = { data: Float32Array.from(steps.flatMap((one) => [...one.at(-1).h])), shape: [2 * directions[0].units] };
    return { at, values, steps, joined, mark: engine.KINDS.dense.forward(reading, joined).data[0] };
  };
  const forward = (network, spectrogram) => {
    const at = starts(network.settings, spectrogram.shape[2]);
    return concluded(network, at, at.map((start) => listening(network, spectrogram, start)));
  };
  // The same, segment by segment, taking those that have not changed from `before`; `go` hears how far it is and says
  // whether to go on.
  const forwardInSteps = async (network, spectrogram, before, go) => {
    const at = starts(network.settings, spectrogram.shape[2]), values = [];
    for (const start of at) {
      values.push(listening(network, spectrogram, start, before?.values[values.length]));
      if (values.length % 4 === 0 && !(await go(values.length / at.length))) return null;
    }
    return concluded(network, at, values);
  };
  const relevance = (network, spectrogram, seen, epsilon = 1e-6) => {
    const { settings, convolutions, directions, reading } = network, n = directions[0].units, rules = { gamma: 0, epsilon };
    const y = { data: Float32Array.of(seen.mark), shape: [1] };
    const c = engine.KINDS.dense.back(reading, seen.joined, y, Float32Array.of(1), rules);
    const [ahead, behind] = seen.steps.map((steps, k) => readBack(directions[k], steps,
      Float64Array.from(steps.at(-1).h, (value, j) => value * c[k * n + j]), epsilon));
    const map = new Float32Array(spectrogram.data.length), [, bands, frames] = spectrogram.shape;
    seen.at.forEach((start, k) => {
      const other = behind[behind.length - 1 - k], of = Float32Array.from(ahead[k], (value, j) => value + other[j]);
      const ofInput = engine.back(convolutions, seen.values[k], of, rules), { data } = seen.values[k][0];
      for (let band = 0; band < bands; band++) {
        for (let frame = 0; frame < settings.length; frame++) {
          const from = band * settings.length + frame;
          map[band * frames + start + frame] += data[from] * ofInput[from];
        }
      }
    });
    return map;
  };
  const judge = (network, spectrogram) => {
    const seen = forward(network, spectrogram);
    return { mark: seen.mark, relevance: relevance(network, spectrogram, seen) };
  };

  own.recurrent = { assemble, forward, forwardInSteps, relevance, judge };
})();
