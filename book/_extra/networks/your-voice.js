// Try your own voice: a network in the page predicts a digit, and shows and plays what in the sound spoke for it.
(() => {
  const { engine, sound, draw, listen, ask } = globalThis.EarwitnessNetworks, { make } = draw;
  const RATE = 8000, RECORD_S = 2, SEED = 7, RULES = { gamma: 0.25, epsilon: 1e-6 };
  const SHARES = [0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1], ORDERS = 5;
  const percent = (part) => (part > 0 && part < 0.01 ? "< 1 %" : `${Math.round(100 * part)} %`);
  const capital = (word) => word[0].toUpperCase() + word.slice(1);
  const breath = () => new Promise((done) => setTimeout(done));

  // --- what is computed
  const explain = (layers, input, chosen, other) => {
    const values = engine.run(layers, input), logits = values.at(-1).data;
    const of = (wanted, against) => engine.relevance(layers, values, wanted, against, RULES);
    return { probabilities: engine.softmax(logits), maps: [null, of(chosen), of(other), of(chosen, other)] };
  };
  const silenced = (input, order, share) => {
    const data = input.data.slice();
    order.subarray(0, Math.round(share * order.length)).forEach((at) => { data[at] = 0; });
    return { data, shape: input.shape };
  };
  const shuffled = (n, random) => {
    const order = Int32Array.from({ length: n }, (_, k) => k);
    for (let k = n - 1; k > 0; k--) {
      const other = Math.floor(random() * (k + 1));
      [order[k], order[other]] = [order[other], order[k]];
    }
    return order;
  };
  // The probability of an answer as more and more points are silenced, in one order.
  const falling = async (layers, input, order, chosen, tell) => {
    const found = [];
    for (const share of SHARES) {
      found.push(engine.softmax(engine.output(layers, silenced(input, order, share)))[chosen]);
      tell();
      await breath();
    }
    return found;
  };
  const orders = (relevance) => {
    const first = Int32Array.from(relevance, (_, k) => k).sort((a, b) => relevance[b] - relevance[a]);
    const random = engine.generator(SEED);
    return [first, ...Array.from({ length: ORDERS }, () => shuffled(first.length, random))];
  };

  // --- what is seen
  const begin = (root) => {
    const data = globalThis.EarwitnessData["own-voice"], { classes } = data;
    const trained = engine.assemble(data), networks = { trained, untrained: engine.untrained(trained, SEED) };
    const centres = sound.edges(sound.DIGITS).slice(1, -1);
    let heard = null, asked = 0;                          // the second that is explained; the newest question
    const state = { network: "trained", chosen: 0, other: 1, view: 1 };

    const said = make("p", { className: "ew-net-said", ariaLive: "polite", textContent: "Say a digit, open a file or choose a clip." });
    const progress = make("progress", { max: 1, value: 0, hidden: true, ariaLabel: "Progress" });
    const shown = make("div", { className: "ew-net-shown", hidden: true });
    const tell = (words) => { said.textContent = words; };

    const radios = (legend, name, choices, choose) => {
      const set = make("fieldset", { className: "ew-choice" }, make("legend", { textContent: legend }));
      const inputs = choices.map((words, value) => {
        const input = make("input", { type: "radio", name: `ew-net-${name}`, value });
        input.addEventListener("change", () => choose(value));
        const label = make("label", {}, input, " ", make("span", { textContent: words }));
        set.append(label);
        return input;
      });
      return { set, inputs, names: [...set.querySelectorAll("span")] };
    };

    // answers
    const bars = make("div", { className: "ew-net-bars", role: "radiogroup", ariaLabel: "Answer that is explained" });
    const rows = classes.map((word, index) => {
      const input = make("input", { type: "radio", name: "ew-net-answer" });
      const bar = make("span", { className: "ew-net-bar" }), value = make("span", { className: "ew-net-percent" });
      input.addEventListener("change", () => {
        state.chosen = index;
        if (state.other === index) state.other = best().find((k) => k !== index);
        update();
      });
      bars.append(make("label", {}, input, make("span", { className: "ew-net-word", textContent: word }), make("span", { className: "ew-net-track" }, bar), value));
      return { input, bar, value };
    });
    const against = make("select", { ariaLabel: "The other answer" }, ...classes.map((word, value) => make("option", { value, textContent: word })));
    against.addEventListener("change", () => {
      state.other = Number(against.value);
      if (state.other === state.chosen) state.chosen = best().find((k) => k !== state.other);
      update();
    });

    const views = radios("What is shown and heard", "view", ["", "", "", ""], (view) => { state.view = view; show(); });
    const which = radios("Who explains", "network", ["the trained network", "an untrained one: the same layers, random weights"], (value) => {
      state.network = value ? "untrained" : "trained";
      update();
    });
    which.inputs[0].checked = true;
    const mapCanvas = make("canvas", { role: "img" }), waveCanvas = make("canvas", { role: "img" });
    const mapFrame = draw.framed(mapCanvas, 1, draw.ticks(centres, [250, 500, 1000, 2000, 3500]));
    const waveFrame = draw.framed(waveCanvas, 1, []);
    waveFrame.box.classList.add("ew-net-wave");
    const button = make("button", { type: "button", className: "ew-study-button", textContent: "Play" });
    const places = make("p", { className: "ew-net-where" }), flipped = make("div", { className: "ew-net-flipping" });
    const headline = make("h3", { tabIndex: -1 });
    shown.append(headline, make("p", {}, "Choose the answer that is explained; the other answer is ", against, "."), bars, which.set, views.set, button,
      mapFrame.box, waveFrame.box, places, make("h3", { textContent: "Is it true?" }), flipped);

    let now = null;                                       // the explanation that is shown
    const best = () => now.probabilities.map((_, k) => k).sort((a, b) => now.probabilities[b] - now.probabilities[a]);

    const show = () => {
      const { shape } = heard.input, map = now.maps[state.view], words = views.names[state.view].textContent;
      draw.map(mapCanvas, shape, heard.input.data, map);
      draw.wave(waveCanvas, heard.samples, map && draw.perFrame(map, shape));
      mapCanvas.setAttribute("aria-label", `Spectrogram; ${words}`);
      waveCanvas.setAttribute("aria-label", `Waveform; ${words}`);
      places.textContent = map ? `Half of ${words} lies ${draw.where(map, shape, centres, sound.DIGITS.hop / RATE)}. Red: for; blue: against.`
        : "The spectrogram as the network gets it: the darker, the louder; white is 60 dB below the loudest point.";
      views.inputs[state.view].checked = true;
      listen.stop();
    };

    const audible = () => {
      const map = now.maps[state.view];
      if (!map) return heard.samples;
      const full = draw.limit(map);
      return listen.matched(sound.filtered(heard.samples, map.map((value) => Math.min(1, Math.max(0, value) / full)), sound.DIGITS), heard.samples);
    };
    const play = () => (listen.playing ? listen.stop() : listen.play(audible(), RATE, (at) => {
      button.textContent = at === null ? "Play" : "Stop";
      for (const { head } of [mapFrame, waveFrame]) {
        head.hidden = at === null;
        head.style.left = `${100 * (at ?? 0)}%`;
      }
    }));
    button.addEventListener("click", play);

    const flip = async (question) => {
      const { input } = heard, layers = networks[state.network], { chosen } = state, all = orders(now.maps[1]), curves = [];
      flipped.replaceChildren(make("p", { textContent: "Silencing points of the spectrogram …" }));
      Object.assign(progress, { hidden: false, value: 0 });
      for (const order of all) {
        curves.push(await falling(layers, input, order, chosen, () => { progress.value += 1 / (all.length * SHARES.length); }));
        if (question !== asked) return;
      }
      progress.hidden = true;
      const at = SHARES.indexOf(0.1), mean = curves.slice(1).reduce((sum, one) => sum + one[at], 0) / ORDERS;
      const words = `With the tenth of all points that spoke most for “${classes[chosen]}” silenced, its probability goes from `
        + `${percent(curves[0][0])} to ${percent(curves[0][at])}; with a tenth at random, to ${percent(mean)}, the mean of ${ORDERS} orders.`;
      flipped.replaceChildren(draw.curve(SHARES, curves[0], curves.slice(1), words), make("p", { textContent: words }),
        make("p", { className: "ew-keys", textContent: `Whole line: most relevant first. Dashed: random orders, mean and range. Up: probability of “${classes[chosen]}”.` }));
      root.dataset.state = "done";
    };

    const update = () => {
      const question = ++asked;
      root.dataset.state = "computing";
      now = explain(networks[state.network], heard.input, state.chosen, state.other);
      const [a, b] = [classes[state.chosen], classes[state.other]];
      [`the recording`, `what spoke for “${a}”`, `what spoke for “${b}”`, `what spoke for “${a}” and not for “${b}”`]
        .forEach((words, k) => { views.names[k].textContent = words; });
      rows.forEach(({ input, bar, value }, k) => {
        input.checked = k === state.chosen;
        bar.style.width = `${100 * now.probabilities[k]}%`;
        value.textContent = percent(now.probabilities[k]);
      });
      against.value = state.other;
      const first = best()[0];
      headline.textContent = `${state.network === "trained" ? "The network" : "An untrained network"} predicts “${classes[first]}” (${percent(now.probabilities[first])})`;
      show();
      flip(question);
    };

    const hear = (samples, what) => {
      const second = sound.loudestStretch(samples, RATE);
      heard = { samples: second, input: sound.compact(second) };
      now = explain(trained, heard.input, 0, 1);
      Object.assign(state, { network: "trained", view: 1, chosen: best()[0], other: best()[1] });
      which.inputs[0].checked = true;
      tell(`${capital(what)}: ${samples.length > RATE ? "its loudest second" : `${(samples.length / RATE).toFixed(2)} s, set into a second of silence`}.`);
      shown.hidden = false;
      update();
      headline.focus({ preventScroll: true });
    };

    const row = ask({ rate: RATE, seconds: RECORD_S, clips: data.clips, hear, tell, progress,
      prompt: "Listening: say one digit, zero to nine, in English." });
    root.addEventListener("keydown", (event) => {
      const view = ["1", "2", "3", "4"].indexOf(event.key);
      if (!heard || event.ctrlKey || event.altKey || event.metaKey || event.target.matches("select, [type=file]")) return;
      if (view >= 0) { state.view = view; show(); event.preventDefault(); }
      else if (event.key === " " && !event.target.matches("button, input")) { play(); event.preventDefault(); }
    });
    root.replaceChildren(row, said, progress, shown, make("p", { className: "ew-keys", textContent: "Keys: 1 to 4 choose what is shown and heard, space plays." }));
    root.dataset.state = "ready";
  };
  globalThis.EarwitnessNetworks.start("your-voice", begin);
})();
