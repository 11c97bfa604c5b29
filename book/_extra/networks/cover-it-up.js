// Cover it up: hide a part of a sentence, hear it, and see how the network that judges quality changes its mind.
(() => {
  const { engine, sound, draw, listen, ask, recurrent } = globalThis.EarwitnessNetworks, { make } = draw;
  const RATE = 16000, RECORD_S = 3, LONGEST = RECORD_S * RATE, RAMP = 32;
  const BANK = { ...sound.QUALITY, nFft: 512 };           // what hides bands: the network's windows, a shorter transform
  const FRAME_S = sound.QUALITY.hop / RATE;
  const breath = () => new Promise((done) => setTimeout(done));
  const centres = sound.edges(sound.QUALITY).slice(1, -1);

  // --- what is covered: { form, from, to } in seconds, of a mask also { low, high } in bands
  const cut = (samples, { from, to }) => samples.map((value, k) => {
    const inside = Math.min(k - from * RATE, to * RATE - k);
    return inside <= 0 ? value : value * Math.max(0, 1 - inside / RAMP);
  });
  const masked = (samples, { from, to, low, high }) => {
    const frames = Math.floor(samples.length / BANK.hop) + 1;
    const gains = Float32Array.from({ length: BANK.bands * frames }, (_, at) => {
      const band = Math.floor(at / frames), time = (at % frames) * FRAME_S;
      return band >= low && band <= high && time >= from && time <= to ? 0 : 1;
    });
    return sound.filtered(samples, gains, BANK);
  };
  const covered = (samples, covers) => covers.reduce((left, one) => (one.form === "gap" ? cut : masked)(left, one), samples);

  const begin = (root) => {
    const data = globalThis.EarwitnessData.quality, network = recurrent.assemble(data);
    const said = make("p", { className: "ew-net-said", ariaLive: "polite", textContent: "Say a sentence, open a file or choose a clip." });
    const progress = make("progress", { max: 1, value: 0, hidden: true, ariaLabel: "Progress" });
    const shown = make("div", { className: "ew-net-shown", hidden: true });
    const tell = (words) => { said.textContent = words; };
    let clip = null, covers = [], asked = 0, judged = null, whole = null, drawn = "relevance", started = null;

    const headline = make("h3", { tabIndex: -1 });
    const marks = make("div", { className: "ew-net-marks" });
    const canvas = make("canvas", { role: "img" }), frame = draw.framed(canvas, RECORD_S, draw.ticks(centres, [250, 500, 1000, 2000, 4000]));
    const patch = make("span", { className: "ew-net-patch", hidden: true });
    frame.box.querySelector(".ew-net-picture").append(patch);
    frame.box.classList.add("ew-net-covered");

    const number = (name, value, max, step) => make("input", { type: "number", name, value, min: 0, max, step });
    const fields = { from: number("from", 0.5, RECORD_S, 0.05), to: number("to", 0.8, RECORD_S, 0.05),
      low: number("low", 0, 8000, 100), high: number("high", 1000, 8000, 100) };
    const form = make("select", { ariaLabel: "How to cover" }, make("option", { value: "mask", textContent: "mask: these frequencies" }),
      make("option", { value: "gap", textContent: "gap: all frequencies" }));
    const button = (words, work) => {
      const made = make("button", { type: "button", className: "ew-study-button", textContent: words });
      made.addEventListener("click", work);
      return made;
    };

    const bandOf = (hz) => centres.reduce((best, centre, k) => (Math.abs(centre - hz) < Math.abs(centres[best] - hz) ? k : best), 0);
    const cover = () => {
      const [from, to, low, high] = ["from", "to", "low", "high"].map((name) => Number(fields[name].value));
      if (!(to > from) || (form.value === "mask" && !(high > low))) return tell("The end of what is covered must lie behind its beginning.");
      covers.push({ form: form.value, from, to, low: bandOf(low), high: bandOf(high) });
      return judge();
    };
    const undo = () => { covers.pop(); return judge(); };
    const clear = () => { covers = []; return judge(); };

    // Segments that are as they were are not computed again.
    const judge = async () => {
      const question = ++asked, samples = covered(clip, covers), spectrogram = sound.quality(samples);
      root.dataset.state = "computing";
      Object.assign(progress, { hidden: false, value: 0 });
      const seen = await recurrent.forwardInSteps(network, spectrogram, judged?.seen, async (part) => {
        progress.value = part;
        await breath();
        return question === asked;
      });
      if (!seen) return;
      judged = { samples, spectrogram, seen, relevance: recurrent.relevance(network, spectrogram, seen) };
      if (!covers.length) whole = seen.mark;
      progress.hidden = true;
      show();
      root.dataset.state = "done";
    };

    const scale = (words, mark) => {
      const bar = make("span", { className: "ew-net-bar" });
      bar.style.width = `${Math.min(100, Math.max(0, ((mark - 1) / 3.6) * 100))}%`;
      return make("div", { className: "ew-net-mark" }, make("span", { textContent: words }), make("span", { className: "ew-net-track" }, bar),
        make("span", { className: "ew-net-percent", textContent: mark.toFixed(2) }));
    };
    const show = () => {
      const { spectrogram, seen, relevance } = judged, bottom = -80, top = spectrogram.data.reduce((a, b) => Math.max(a, b), bottom + 1);
      const levels = spectrogram.data.map((value) => (value - bottom) / (top - bottom));
      draw.map(canvas, spectrogram.shape, levels, drawn === "relevance" ? relevance : null);
      const change = seen.mark - whole;
      headline.textContent = covers.length ? `Covered: ${seen.mark.toFixed(2)}, ${Math.abs(change).toFixed(2)} ${change < 0 ? "worse" : "better"} than whole`
        : `Whole: ${seen.mark.toFixed(2)}`;
      marks.replaceChildren(scale("whole", whole), scale("as covered", seen.mark));
      canvas.setAttribute("aria-label", `Spectrogram with relevance: the predicted mark is ${seen.mark.toFixed(2)}, ${covers.length} parts are covered`);
      listen.stop();
    };
    const sounding = (of) => () => (listen.playing ? listen.stop() : listen.play(of(), RATE, (at) => {
      frame.head.hidden = at === null;
      frame.head.style.left = `${100 * (at ?? 0)}%`;
    }));

    const hear = async (samples, words) => {
      clip = samples.length > LONGEST ? sound.loudestStretch(samples, LONGEST) : samples;
      if (clip.length < RATE / 2) return tell("Half a second at least is needed.");
      clip = listen.matched(clip, clip.map(() => 0.05));   // as loud as the clips that it has learnt from
      covers = [];
      judged = null;
      tell(`${words[0].toUpperCase()}${words.slice(1)}: ${(clip.length / RATE).toFixed(2)} s.`);
      frame.rescale(clip.length / RATE);
      shown.hidden = false;
      await judge();
      headline.focus({ preventScroll: true });
    };

    // --- drag a rectangle
    const place = (event) => {
      const box = canvas.getBoundingClientRect(), inside = (part) => Math.min(1, Math.max(0, part));
      return { x: inside((event.clientX - box.left) / box.width), y: inside((event.clientY - box.top) / box.height) };
    };
    const hz = (y) => Math.round(centres[Math.min(centres.length - 1, Math.floor((1 - y) * centres.length))]);
    const stretch = (event) => {
      const here = place(event), gap = form.value === "gap", [left, right] = [started.x, here.x].sort((a, b) => a - b);
      const [above, below] = gap ? [0, 1] : [started.y, here.y].sort((a, b) => a - b);
      Object.assign(patch.style, { left: `${100 * left}%`, width: `${100 * (right - left)}%`, top: `${100 * above}%`, height: `${100 * (below - above)}%` });
      const seconds = clip.length / RATE;
      fields.from.value = (left * seconds).toFixed(2);
      fields.to.value = (right * seconds).toFixed(2);
      if (!gap) { fields.low.value = hz(below); fields.high.value = hz(above); }
    };
    canvas.addEventListener("pointerdown", (event) => {
      started = place(event);
      patch.hidden = false;
      canvas.setPointerCapture(event.pointerId);
      stretch(event);
    });
    canvas.addEventListener("pointermove", (event) => { if (started) stretch(event); });
    const release = (event) => {
      if (!started) return;
      const far = Math.abs(place(event).x - started.x) > 0.005;
      started = null;
      patch.hidden = true;
      if (far && event.type === "pointerup") cover();
    };
    canvas.addEventListener("pointerup", release);
    canvas.addEventListener("pointercancel", release);

    const look = make("select", { ariaLabel: "What is shown" }, make("option", { value: "relevance", textContent: "relevance over the spectrogram" }),
      make("option", { value: "levels", textContent: "the spectrogram alone" }));
    look.addEventListener("change", () => { drawn = look.value; show(); });
    const row = ask({ rate: RATE, seconds: RECORD_S, clips: data.clips, hear, tell, progress, prompt: "Listening: say a sentence in English." });
    const controls = make("div", { className: "ew-net-ask" }, form, ...Object.entries({ from: "from s", to: "to s", low: "from Hz", high: "to Hz" })
      .map(([name, words]) => make("label", {}, words, fields[name])), button("Cover", cover), button("Undo", undo), button("Uncover all", clear));
    shown.append(headline, marks, make("div", { className: "ew-net-ask" }, button("Play as covered", sounding(() => judged.samples)),
      button("Play whole", sounding(() => clip)), look), frame.box,
    make("p", { textContent: "Drag over the picture, or give the limits. Red raised the mark, blue lowered it." }), controls);
    root.addEventListener("keydown", (event) => {
      if (clip && event.key === "z" && (event.ctrlKey || event.metaKey) && !event.target.matches("input")) { undo(); event.preventDefault(); }
    });
    root.replaceChildren(row, said, progress, shown);
    root.dataset.state = "ready";
  };
  globalThis.EarwitnessNetworks.start("cover-it-up", begin);
})();
