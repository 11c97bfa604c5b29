// Sound and its spectrogram: Fourier transforms, the mel spectrograms of earwitness.features, and a sound filtered by
// a map.
(() => {
  const own = (globalThis.EarwitnessNetworks ??= {});

  // In place, length a power of two; `sign` 1 is the way back, not yet divided by the length.
  const fft = (real, imaginary, sign = -1) => {
    const n = real.length;
    for (let i = 1, j = 0; i < n; i++) {
      let bit = n >> 1;
      for (; j & bit; bit >>= 1) j ^= bit;
      j ^= bit;
      if (i < j) {
        [real[i], real[j]] = [real[j], real[i]];
        [imaginary[i], imaginary[j]] = [imaginary[j], imaginary[i]];
      }
    }
    for (let length = 2; length <= n; length <<= 1) {
      for (let k = 0; k < length / 2; k++) {
        const angle = (sign * 2 * Math.PI * k) / length, cos = Math.cos(angle), sin = Math.sin(angle);
        for (let i = k; i < n; i += length) {
          const j = i + length / 2;
          const r = real[j] * cos - imaginary[j] * sin, m = real[j] * sin + imaginary[j] * cos;
          real[j] = real[i] - r; imaginary[j] = imaginary[i] - m;
          real[i] += r; imaginary[i] += m;
        }
      }
    }
  };

  const hann = (length) => Float64Array.from({ length }, (_, k) => 0.5 - 0.5 * Math.cos((2 * Math.PI * k) / length));
  const mirrored = (samples, at) => {                     // beyond an end the samples run back
    const last = samples.length - 1;
    let k = at;
    while (k < 0 || k > last) k = k < 0 ? -k : 2 * last - k;
    return samples[k];
  };

  // Frames (real, imaginary), each centred on a multiple of the hop, the window in the middle of the transform.
  const stft = (samples, { nFft, window: length, hop }) => {
    const shape = hann(length), offset = (nFft - length) >> 1, frames = [];
    for (let centre = 0; centre <= samples.length; centre += hop) {
      const real = new Float64Array(nFft), imaginary = new Float64Array(nFft);
      for (let k = 0; k < length; k++) {
        real[offset + k] = shape[k] * mirrored(samples, centre - nFft / 2 + offset + k);
      }
      fft(real, imaginary);
      frames.push({ real, imaginary });
    }
    return frames;
  };

  // Slaney's mel scale: linear below 1 kHz, logarithmic above.
  const toHz = (mel) => (mel < 15 ? (mel * 200) / 3 : 1000 * Math.exp(((mel - 15) * Math.log(6.4)) / 27));
  const toMel = (hz) => (hz < 1000 ? (hz * 3) / 200 : 15 + (27 * Math.log(hz / 1000)) / Math.log(6.4));
  const edges = ({ bands, fmax }) => Array.from({ length: bands + 2 }, (_, k) => toHz((k * toMel(fmax)) / (bands + 1)));

  // Triangles of area 1 over frequency: for each band the first bin and its weights.
  const filters = (settings) => {
    const corner = edges(settings), width = settings.rate / settings.nFft;
    return Array.from({ length: settings.bands }, (_, band) => {
      const [low, middle, high] = corner.slice(band, band + 3);
      const first = Math.max(0, Math.ceil(low / width)), last = Math.min(settings.nFft / 2, Math.floor(high / width));
      const weights = Array.from({ length: Math.max(0, last - first + 1) }, (_, k) => {
        const hz = (first + k) * width;
        return (Math.max(0, Math.min((hz - low) / (middle - low), (high - hz) / (high - middle))) * 2) / (high - low);
      });
      return { first, weights };
    });
  };

  // Amplitudes (band, frame) in dB, not below `floor`.
  const mel = (samples, settings, floor) => {
    const frames = stft(samples, settings), bank = filters(settings), n = frames.length;
    const data = new Float32Array(bank.length * n);
    frames.forEach(({ real, imaginary }, frame) => bank.forEach(({ first, weights }, band) => {
      const sum = weights.reduce((total, w, k) => total + w * Math.hypot(real[first + k], imaginary[first + k]), 0);
      data[band * n + frame] = 20 * Math.log10(Math.max(sum, floor));
    }));
    return { data, shape: [1, bank.length, n] };
  };
  const loudest = ({ data }) => data.reduce((most, value) => Math.max(most, value), -Infinity);

  const DIGITS = { rate: 8000, nFft: 512, window: 256, hop: 100, bands: 40, fmax: 4000 };
  const compact = (second) => {                           // features.compact_spectrogram
    const x = mel(second, DIGITS, 1e-7), top = Math.max(loudest(x), -80);
    return { data: x.data.map((value) => Math.max(0, (value - top) / 60 + 1)), shape: x.shape };
  };
  const QUALITY = { rate: 16000, nFft: 4096, window: 320, hop: 160, bands: 48, fmax: 8000 };
  const quality = (samples) => {                          // features.mel_spectrogram as Nisqa takes it
    const x = mel(samples, QUALITY, 1e-4), bottom = loudest(x) - 80;
    return { data: x.data.map((value) => Math.max(value, bottom)), shape: x.shape };
  };

  // The stretch of `length` samples with the most energy, in the middle of silence if the clip is shorter.
  const loudestStretch = (samples, length) => {
    const second = new Float32Array(length);
    if (samples.length <= length) {
      second.set(samples, (length - samples.length) >> 1);
      return second;
    }
    let energy = 0, most = -1, start = 0;
    samples.forEach((value, k) => {
      energy += value * value - (k >= length ? samples[k - length] ** 2 : 0);
      if (k >= length - 1 && energy > most) { most = energy; start = k - length + 1; }
    });
    second.set(samples.subarray(start, start + length));
    return second;
  };

  // What is left of a sound when each moment and band is weighted by a gain (band, frame) from 0 to 1. Bands are those of
  // the mel scale, or lie around the frequencies `centres`.
  const filtered = (samples, gains, settings) => {
    const { nFft, window: length, hop } = settings, frames = stft(samples, settings), n = frames.length;
    const centres = settings.centres ?? edges(settings).slice(1, -1), offset = (nFft - length) >> 1, shape = hann(length);
    const result = new Float32Array(samples.length), weight = new Float32Array(samples.length);
    const place = Float64Array.from({ length: nFft / 2 + 1 }, (_, bin) => {
      const hz = (bin * settings.rate) / nFft;
      const above = centres.findIndex((centre) => centre > hz);
      if (above < 1) return above ? centres.length - 1 : 0;
      return above - 1 + (hz - centres[above - 1]) / (centres[above] - centres[above - 1]);
    });
    frames.forEach(({ real, imaginary }, frame) => {
      place.forEach((band, bin) => {
        const low = Math.floor(band), high = Math.min(low + 1, centres.length - 1), part = band - low;
        const gain = (1 - part) * gains[low * n + frame] + part * gains[high * n + frame];
        for (const k of new Set([bin, (nFft - bin) % nFft])) { real[k] *= gain; imaginary[k] *= gain; }
      });
      fft(real, imaginary, 1);
      for (let k = 0; k < length; k++) {
        const at = frame * hop - nFft / 2 + offset + k;
        if (at < 0 || at >= result.length) continue;
        result[at] += (shape[k] * real[offset + k]) / nFft;
        weight[at] += shape[k] ** 2;
      }
    });
    return result.map((value, k) => value / Math.max(weight[k], 1e-6));
  };

  own.sound = { fft, stft, mel, edges, filters, compact, quality, loudestStretch, filtered, DIGITS, QUALITY };
})();
