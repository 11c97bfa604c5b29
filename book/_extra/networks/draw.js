// Pictures of a page that listens: a spectrogram with relevance over it, a waveform with relevance in it, a curve.
// Red speaks for the answer, blue against it; both reach full colour at the same limit.
(() => {
  const own = (globalThis.EarwitnessNetworks ??= {});
  const RED = [214, 39, 40], BLUE = [31, 89, 180];

  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  // The value that `share` of the magnitudes do not exceed; full colour begins there.
  const limit = (values, share = 0.995) => {
    const sorted = Float32Array.from(values, Math.abs).sort();
    return sorted[Math.floor(share * (sorted.length - 1))] || sorted.at(-1) || 1;
  };

  const mixed = (under, strength) => {
    const [colour, part] = [strength > 0 ? RED : BLUE, Math.min(1, Math.abs(strength))];
    return colour.map((value, k) => under[k] + (value - under[k]) * part);
  };

  // levels (band, frame) from 0 to 1; relevance of the same shape, or null.
  const map = (canvas, [, bands, frames], levels, relevance) => {
    Object.assign(canvas, { width: frames, height: bands });
    const context = canvas.getContext("2d"), image = context.createImageData(frames, bands);
    const full = relevance && limit(relevance);
    for (let band = 0; band < bands; band++) {
      for (let frame = 0; frame < frames; frame++) {
        const at = band * frames + frame, grey = 255 - levels[at] * (relevance ? 90 : 225);
        const colour = mixed([grey, grey, grey], relevance ? relevance[at] / full : 0);
        image.data.set([...colour, 255], 4 * ((bands - 1 - band) * frames + frame));
      }
    }
    context.putImageData(image, 0, 0);
  };

  // The waveform, coloured by relevance for each frame (summed over its bands), or grey.
  const wave = (canvas, samples, relevance) => {
    const width = (canvas.width = 720), height = (canvas.height = 120), context = canvas.getContext("2d");
    const top = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
    const full = relevance && limit(relevance, 1);
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, height);
    for (let x = 0; x < width; x++) {
      const part = samples.subarray(Math.floor((x * samples.length) / width), Math.floor(((x + 1) * samples.length) / width) + 1);
      const high = part.reduce((a, b) => Math.max(a, b), -1), low = part.reduce((a, b) => Math.min(a, b), 1);
      const strength = relevance ? relevance[Math.min(relevance.length - 1, Math.round((x / width) * (relevance.length - 1)))] / full : 0;
      context.fillStyle = `rgb(${mixed(relevance ? [190, 190, 190] : [70, 80, 95], strength).map(Math.round)})`;
      const from = height / 2 - (high / top) * height * 0.48, to = height / 2 - (low / top) * height * 0.48;
      context.fillRect(x, from, 1, Math.max(1, to - from));
    }
  };

  const perFrame = (relevance, [, bands, frames]) => Float32Array.from({ length: frames }, (_, frame) => {
    let sum = 0;
    for (let band = 0; band < bands; band++) sum += relevance[band * frames + frame];
    return sum;
  });

  // Where the middle half of what is positive lies, in seconds and hertz.
  const where = (relevance, [, bands, frames], centres, secondsPerFrame) => {
    const times = new Float32Array(frames), heights = new Float32Array(bands);
    relevance.forEach((value, at) => {
      times[at % frames] += Math.max(value, 0);
      heights[Math.floor(at / frames)] += Math.max(value, 0);
    });
    const quarter = (sums, part) => {
      const whole = sums.reduce((a, b) => a + b, 0);
      let sum = 0;
      return sums.findIndex((value) => (sum += value) >= part * whole);
    };
    const time = (part) => (quarter(times, part) * secondsPerFrame).toFixed(2);
    const hz = (part) => Math.round(centres[Math.max(0, quarter(heights, part))] / 10) * 10;
    return `between ${time(0.25)} and ${time(0.75)} s, and between ${hz(0.25)} and ${hz(0.75)} Hz`;
  };

  // A canvas with time below and frequencies at its side, and a playhead.
  const framed = (canvas, seconds, ticks) => {
    const head = make("span", { className: "ew-net-head", hidden: true });
    const hz = ticks.map(({ label, at }) => {
      const tick = make("span", { textContent: label });
      tick.style.bottom = `${100 * at}%`;
      return tick;
    });
    const scale = make("div", { className: "ew-net-time" });
    const rescale = (whole) => scale.replaceChildren(...[0, 0.25, 0.5, 0.75, 1].map((part) =>
      make("span", { textContent: `${+(part * whole).toFixed(2)} s` })));
    rescale(seconds);
    const box = make("div", { className: "ew-net-frame" },
      make("div", { className: "ew-net-hz" }, ...hz), make("div", { className: "ew-net-picture" }, canvas, head), scale);
    return { box, head, rescale };
  };

  // Places of round frequencies on an axis of mel bands, from 0 (below) to 1.
  const ticks = (centres, wanted) => wanted.map((hz) => {
    const above = centres.findIndex((centre) => centre >= hz);
    return { label: hz < 1000 ? `${hz} Hz` : `${hz / 1000} kHz`, at: (above + 0.5) / centres.length };
  });

  const svg = (tag, attributes, ...children) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
    element.append(...children);
    return element;
  };

  // Two curves from 0 to 1 over shares from 0 to 1: what was asked, and the mean of random orders with their range.
  const curve = (shares, ordered, random, words) => {
    const x = (share) => 52 + 300 * share, y = (value) => 172 - 150 * value;
    const line = (values, attributes) => svg("polyline", { fill: "none", "stroke-width": 2.5,
      points: shares.map((share, k) => `${x(share)},${y(values[k])}`).join(" "), ...attributes });
    const mean = shares.map((_, k) => random.reduce((sum, one) => sum + one[k], 0) / random.length);
    const edge = (pick) => shares.map((_, k) => pick(...random.map((one) => one[k])));
    const band = [...shares.map((share, k) => `${x(share)},${y(edge(Math.max)[k])}`),
      ...shares.map((share, k) => `${x(share)},${y(edge(Math.min)[k])}`).reverse()].join(" ");
    const text = (at, words_, anchor = "middle") => svg("text", { x: at[0], y: at[1], "text-anchor": anchor }, words_);
    const marks = [0, 0.5, 1].flatMap((part) => [
      text([x(part), 190], `${100 * part} %`), text([46, y(part) + 4], `${100 * part} %`, "end"),
      svg("line", { x1: x(0), x2: x(1), y1: y(part), y2: y(part), class: "ew-net-grid" })]);
    return svg("svg", { viewBox: "0 0 370 212", class: "ew-net-curve", role: "img", "aria-label": words }, ...marks,
      svg("polygon", { points: band, class: "ew-net-range" }),
      line(mean, { class: "ew-net-random", "stroke-dasharray": "6 4" }), line(ordered, { class: "ew-net-ordered" }),
      text([x(0.5), 208], "silenced points of the spectrogram"));
  };

  own.draw = { make, map, wave, perFrame, where, framed, ticks, curve, limit };
})();
