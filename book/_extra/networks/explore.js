// Explorer: a chapter's clips by question and method, from a trained and from an untrained network. The map lies over
// the player of the clip, and what is heard changes with it: what the map has in red, and what it has in blue.
(() => {
  const { sound, draw, listen, start } = globalThis.EarwitnessNetworks, { make } = draw;
  const NETWORKS = ["the trained network", "an untrained one: the same layers, random weights"];
  const BY = ["the trained network", "an untrained network"];
  const SOUNDS = ["the clip", "what speaks for it (red)", "what speaks against it (blue)"];
  const DEPTH_DB = 60;                                    // below the loudest point, where the picture is white

  const signed = (text) => Int8Array.from(atob(text), (sign) => (sign.charCodeAt(0) << 24) >> 24);
  const power = (least) => 2 ** Math.ceil(Math.log2(least));

  // A WAV file of 16 bits, one channel.
  const wav = (samples, rate) => {
    const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
    const text = (at, words) => [...words].forEach((sign, k) => view.setUint8(at + k, sign.charCodeAt(0)));
    text(0, "RIFF"); text(8, "WAVEfmt "); text(36, "data");
    [[4, 36 + 2 * samples.length], [16, 16], [24, rate], [28, 2 * rate], [40, 2 * samples.length]]
      .forEach(([at, value]) => view.setUint32(at, value, true));
    [[20, 1], [22, 1], [32, 2], [34, 16]].forEach(([at, value]) => view.setUint16(at, value, true));
    samples.forEach((value, k) => view.setInt16(44 + 2 * k, Math.round(32767 * Math.max(-1, Math.min(1, value))), true));
    return new Uint8Array(view.buffer);
  };
  const address = (bytes) => {
    let text = "";
    for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
    return `data:audio/wav;base64,${btoa(text)}`;
  };

  // The spectrogram under a map, on its rows and frames, from 0 to 1.
  const levels = (samples, settings) => {
    const frames = sound.stft(samples, settings), { centres, nFft, rate } = settings;
    const bins = centres.map((hz) => Math.min(nFft / 2, Math.round((hz * nFft) / rate)));
    const db = Float32Array.from({ length: bins.length * frames.length }, (_, at) => {
      const { real, imaginary } = frames[at % frames.length], bin = bins[Math.floor(at / frames.length)];
      return 20 * Math.log10(Math.hypot(real[bin], imaginary[bin]) + 1e-9);
    });
    const top = db.reduce((most, value) => Math.max(most, value), -Infinity);
    return db.map((value) => Math.max(0, 1 + (value - top) / DEPTH_DB));
  };

  const begin = (root) => {
    const data = globalThis.EarwitnessData[root.dataset.name], { rate, hop, centres, methods } = data;
    const length = power(2 * hop), settings = { rate, hop, centres, window: length, nFft: length };
    const state = { clip: 0, question: 0, method: 0, network: 0 };
    let shown = null, newest = 0;                         // the clip on the screen; the newest choice

    const choose = (key) => (value) => {
      state[key] = Number(value);
      (key === "clip" ? open : update)();
    };
    const list = (label, key) => {
      const select = make("select", { ariaLabel: label });
      select.addEventListener("change", () => choose(key)(select.value));
      return select;
    };
    const fill = (select, words, value) => select.replaceChildren(
      ...words.map((textContent, k) => make("option", { value: k, textContent, selected: k === value })));
    const lists = { clip: list("Clip", "clip"), question: list("Question", "question"), method: list("Method", "method") };
    const radios = make("fieldset", { className: "ew-choice" }, make("legend", { textContent: "Who explains" }));
    NETWORKS.forEach((words, value) => {
      const input = make("input", { type: "radio", name: `ew-explore-${root.dataset.name}`, value, checked: !value });
      input.addEventListener("change", () => choose("network")(value));
      radios.append(make("label", {}, input, " ", make("span", { textContent: words })));
    });
    const heading = make("p", { className: "ew-net-said", ariaLive: "polite" });
    const place = make("div", { className: "ew-explore" }), told = make("p", { className: "ew-net-where", ariaLive: "polite" });
    root.replaceChildren(make("div", { className: "ew-net-ask" }, ...Object.entries(lists).map(([key, select]) =>
      make("label", {}, `${key[0].toUpperCase()}${key.slice(1)} `, select))), radios, heading, place, told);
    fill(lists.clip, data.clips.map((clip) => clip.words), 0);
    fill(lists.method, methods, 0);

    const relevance = () => {
      const size = centres.length * shown.frames;
      const number = (state.question * methods.length + state.method) * NETWORKS.length + state.network;
      return { values: shown.maps.subarray(number * size, (number + 1) * size), limit: shown.clip.limits[number] };
    };
    const heard = (values, sign) => {
      const gains = Float32Array.from(values, (value) => Math.max(0, sign * value) / 127);
      return wav(listen.matched(sound.filtered(shown.samples, gains, settings), shown.samples), rate);
    };

    // The player of a clip, the book's own, with a map over its waveform and a playhead over the map.
    async function open() {
      const clip = data.clips[state.clip], samples = listen.unpacked(clip.samples);
      shown?.figure.deck?.pause();
      const frames = Math.floor(samples.length / hop) + 1, canvas = make("canvas", { ariaHidden: "true" });
      const head = make("span", { className: "ew-net-head" });
      const figure = make("figure", { className: "ew-compare" }, make("figcaption", { textContent: clip.words }),
        make("div", { className: "ew-players" }, ...SOUNDS.map((words) => make("figure", { className: "ew-player" },
          make("figcaption", { textContent: words }), make("audio", { src: address(wav(samples, rate)) })))));
      figure.dataset.height = 220;
      shown = { clip, samples, frames, canvas, figure, maps: signed(clip.maps), under: levels(samples, settings) };
      state.question = Math.min(state.question, clip.questions.length - 1);
      fill(lists.question, clip.questions, state.question);
      lists.question.parentElement.hidden = clip.questions.length < 2;
      heading.textContent = clip.said;
      place.replaceChildren(figure);
      await globalThis.EarwitnessPlayer.upgrade(figure);
      const wave = figure.querySelector(".ew-wave"), { deck } = figure;
      const hz = draw.ticks(centres, [500, 1000, 2000, 4000].filter((each) => each < 0.9 * centres.at(-1)));
      wave.append(canvas, ...hz.map(({ label, at }) => {
        const tick = make("span", { className: "ew-explore-hz", textContent: label });
        tick.style.bottom = `${100 * at}%`;
        return tick;
      }), head);
      const follow = () => {
        head.style.insetInlineStart = `${(100 * deck.currentTime) / deck.duration}%`;
        if (!deck.paused && place.contains(figure)) requestAnimationFrame(follow);
      };
      for (const name of ["play", "pause", "seeked"]) deck.addEventListener(name, follow);
      follow();
      await update();
    }

    async function update() {
      const asked = ++newest, { values, limit } = relevance();
      root.dataset.state = "asked";
      draw.map(shown.canvas, [1, centres.length, shown.frames], shown.under, values);
      const where = draw.where(values, [1, centres.length, shown.frames], centres, hop / rate);
      told.textContent = `Relevance by ${methods[state.method]} from ${BY[state.network]}: red speaks for it, blue against; `
        + `full colour at ${limit.toPrecision(2)}. Half of what is red lies ${where}. The sounds are matched in level.`;
      await shown.figure.deck.swap(1, heard(values, 1));
      await shown.figure.deck.swap(2, heard(values, -1));
      if (asked === newest) root.dataset.state = "done";
    }
    open();
  };

  document.querySelectorAll(".ew-net[data-name^=explore-]").forEach((root) => start(root.dataset.name, begin));
})();
