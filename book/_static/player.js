// Players: a waveform or spectrogram with a playhead for each sound of a page, and one player that switches between
// several sounds at the same position. Without scripts the native players stay, complete. Drawn by wavesurfer.js.
(() => {
  const own = document.currentScript.src;
  const WAVE = { waveColor: "#7b8794", progressColor: "#3b82a6", cursorColor: "#c2570c", cursorWidth: 2 };
  const FADE_S = 0.005;                     // shorter would click, longer would be heard as a change of loudness
  let context, playing, count = 0;

  // --- scripts of others, fetched from this site once a player comes into view
  const fetched = {};
  const script = (name, exported) => (fetched[name] ??= new Promise((done, fail) => {
    if (exported()) return done(exported());                              // a report carries it inside
    const url = new URL(`../vendor/wavesurfer/${name}`, own).href;
    if (window.define?.amd) return window.require([url], done, fail);     // pages with widgets have require.js
    const tag = Object.assign(document.createElement("script"), { src: url, onerror: fail });
    tag.onload = () => done(exported());
    document.head.append(tag);
  }));
  const drawing = () => script("wavesurfer.min.js", () => window.WaveSurfer);
  const spectrogram = () => script("spectrogram.min.js", () => window.WaveSurfer?.Spectrogram);

  // --- sound
  const bytes = (address) => Uint8Array.from(atob(address.split(",")[1]), (sign) => sign.charCodeAt(0));

  const samples = (wav) => {                // 16 bits, as earwitness.audition writes it; of two channels the left
    const view = new DataView(wav.buffer);
    let at = 12;
    while (view.getUint32(at) !== 0x64617461) at += 8 + view.getUint32(at + 4, true);        // the chunk "data"
    const values = new Int16Array(wav.buffer.slice(at + 8, at + 8 + view.getUint32(at + 4, true)));
    const left = values.filter((_, i) => i % view.getUint16(22, true) === 0);
    return { rate: view.getUint32(24, true), values: Float32Array.from(left, (value) => value / 32768) };
  };

  // What wavesurfer.js needs of a media element. All clips run in step; only the chosen one is let through.
  class Deck extends EventTarget {
    constructor(wavs, duration) {
      super();
      Object.assign(this, { wavs, duration, chosen: 0, loop: false, position: 0, voices: null });
      Object.assign(this, { readyState: 4, seeking: false, volume: 1, muted: false, playbackRate: 1, src: "" });
    }

    get paused() { return !this.voices; }
    get ended() { return this.paused && this.position >= this.duration; }
    say(...names) { names.forEach((name) => this.dispatchEvent(new Event(name))); }

    get currentTime() {
      if (this.paused) return this.position;
      const since = Math.max(0, context.currentTime - this.began);
      return this.loop ? since % this.duration : Math.min(since, this.duration);
    }

    set currentTime(time) {
      const on = !this.paused;
      if (on) this.stop();
      this.position = Math.min(Math.max(0, time), this.duration);
      if (on) this.start();
      this.say("seeking", "timeupdate", "seeked");
    }

    async play() {
      if (!this.paused) return;
      if (playing !== this) playing?.pause();
      playing = this;
      context ??= new AudioContext();
      await context.resume();
      this.buffers ??= await Promise.all(this.wavs.map((wav) => context.decodeAudioData(wav.buffer.slice(0))));
      if (playing !== this || !this.paused) return;
      if (this.ended) this.position = 0;
      this.start();
      this.say("play");
    }

    pause() {
      if (this.paused) return;
      this.stop();
      this.say("pause", "timeupdate");
    }

    start() {
      const when = context.currentTime + 0.01, end = Math.min(...this.buffers.map((buffer) => buffer.duration));
      this.began = when - this.position;
      this.voices = this.buffers.map((buffer, index) => {
        const gain = new GainNode(context, { gain: index === this.chosen ? 1 : 0 });
        const source = new AudioBufferSourceNode(context, { buffer, loop: this.loop, loopEnd: end });
        source.connect(gain).connect(context.destination);
        source.start(when, this.position);
        return { source, gain: gain.gain };
      });
      this.voices[0].source.onended = () => {
        this.stop();
        this.position = this.duration;
        this.say("pause", "ended", "timeupdate");
      };
    }

    stop() {
      this.position = this.currentTime;
      this.voices[0].source.onended = null;
      for (const voice of this.voices) {
        this.fade(voice.gain, 0);
        voice.source.stop(context.currentTime + FADE_S);
      }
      this.voices = null;
    }

    fade(gain, to) {
      gain.setValueAtTime(gain.value, context.currentTime);
      gain.linearRampToValueAtTime(to, context.currentTime + FADE_S);
    }

    choose(index) {
      this.chosen = index;
      this.voices?.forEach((voice, number) => this.fade(voice.gain, number === index ? 1 : 0));
      this.say("choose");
    }

    async swap(index, wav) {                // another sound in the same place; the position stays
      this.wavs[index] = wav;
      if (!this.buffers) return;
      const buffer = await context.decodeAudioData(wav.buffer.slice(0));
      if (this.wavs[index] !== wav) return;                 // a newer one came meanwhile
      const on = !this.paused;
      if (on) this.stop();
      this.buffers[index] = buffer;
      if (on) this.start();
    }

    repeat(on) {
      const now = this.currentTime;
      this.loop = on;
      if (this.paused) return;
      this.began = context.currentTime - now;
      this.voices.forEach((voice) => { voice.source.loop = on; });
    }
  }

  // --- what is seen
  const element = (markup) => {
    const template = document.createElement("template");
    template.innerHTML = markup;
    return template.content.firstElementChild;
  };
  const time = (seconds) => seconds.toFixed(2);

  const markup = (names, index) => `<div class="ew-deck" role="group">
    <div class="ew-wave" role="slider" tabindex="0" aria-label="Position in seconds" aria-valuemin="0"></div>
    <div class="ew-controls">
      <button type="button" class="ew-play" aria-label="Play"></button>
      <span class="ew-time"></span>
      <label><input type="checkbox" class="ew-repeat"> repeat</label>
    </div>
    ${names.length > 1 ? `<fieldset class="ew-choice"><legend>What is heard</legend>${names.map((_, number) =>
      `<label><input type="radio" name="ew-deck-${index}" value="${number}"><kbd>${number + 1}</kbd> <span></span></label>`
    ).join("")}</fieldset>
    <p class="ew-keys">Keys: <kbd>space</kbd> plays and pauses, <kbd>1</kbd>–<kbd>${Math.min(9, names.length)}</kbd>
      choose, <kbd>←</kbd> <kbd>→</kbd> move the playhead.</p>` : ""}
  </div>`;

  async function upgrade(figure) {
    const audios = [...figure.querySelectorAll("audio")];
    const wavs = audios.map((audio) => bytes(audio.src));
    const clips = wavs.map(samples);
    const duration = Math.min(...clips.map((clip) => clip.values.length / clip.rate));
    const WaveSurfer = await drawing();
    const Spectrogram = figure.dataset.picture === "spectrogram" ? await spectrogram() : null;
    const several = clips.length > 1;
    const names = audios.map((audio) => audio.closest(".ew-player").querySelector("figcaption").textContent);
    const deck = figure.deck = new Deck(wavs, duration);
    const box = element(markup(names, count++));
    const find = (selector) => box.querySelector(selector);
    const [slider, button, clock] = [find(".ew-wave"), find(".ew-play"), find(".ew-time")];
    const radios = [...box.querySelectorAll(".ew-choice input")];
    const title = figure.querySelector(":scope > figcaption")?.textContent || audios.map((audio) => audio.ariaLabel).join(", ");
    box.setAttribute("aria-label", `Player: ${title}`);
    box.querySelectorAll(".ew-choice span").forEach((span, number) => { span.textContent = names[number]; });
    (several ? [...figure.querySelectorAll(".ew-players")] : audios).forEach((native) => { native.hidden = true; });
    figure.append(box);

    const maxPeak = Math.max(1e-4, ...clips.map((clip) => clip.values.reduce((top, x) => Math.max(top, Math.abs(x)), 0)));
    const picture = (index) => ({ peaks: [clips[index].values], duration });
    const look = Spectrogram ? { height: 0, cursorColor: "#fff", plugins: [Spectrogram.create({
      height: 160, labels: true, labelsColor: "#fff", labelsHzColor: "#fff", labelsBackground: "rgba(0,0,0,0.4)",
      scale: "linear", fftSamples: 256, windowFunc: "hann", colorMap: "roseus", rangeDB: 70,
    })] } : { height: Number(figure.dataset.height) || (several ? 96 : 56) };
    const wave = WaveSurfer.create({
      container: slider, media: deck, normalize: true, maxPeak, dragToSeek: { debounceTime: 0 }, ...WAVE, ...look,
      ...picture(0),
    });

    const show = () => {
      clock.textContent = `${time(deck.currentTime)} / ${time(duration)} s`;
      if (!deck.paused) return;                           // a screen reader need not be told fifty times a second
      slider.setAttribute("aria-valuenow", time(deck.currentTime));
      slider.setAttribute("aria-valuetext", `${time(deck.currentTime)} of ${time(duration)} seconds`);
    };
    const label = () => {
      button.setAttribute("aria-label", deck.paused ? "Play" : "Pause");
      button.classList.toggle("ew-on", !deck.paused);
      show();
    };
    const toggle = () => (deck.paused ? deck.play() : deck.pause());
    wave.on("timeupdate", show);
    for (const name of ["play", "pause", "seeked"]) deck.addEventListener(name, label);
    deck.addEventListener("choose", () => {
      radios[deck.chosen].checked = true;
      wave.setOptions(picture(deck.chosen));
    });
    button.addEventListener("click", toggle);
    find(".ew-repeat").addEventListener("change", (event) => deck.repeat(event.target.checked));
    radios.forEach((radio, number) => radio.addEventListener("change", () => deck.choose(number)));

    box.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      const steps = { ArrowLeft: -0.05, ArrowRight: 0.05, ArrowDown: -0.05, ArrowUp: 0.05, PageDown: -0.2, PageUp: 0.2 };
      const native = event.target.matches("button, input[type=checkbox], input[type=radio]:not(:checked)");
      const digit = Number(event.key) - 1;
      if (event.key === " " && !native) toggle();
      else if (event.key !== " " && radios[digit]) deck.choose(digit);
      else if (event.target === slider && event.key in steps) deck.currentTime += steps[event.key] * duration;
      else if (event.target === slider && event.key === "Home") deck.currentTime = 0;
      else if (event.target === slider && event.key === "End") deck.currentTime = duration;
      else return;
      event.preventDefault();
      event.stopPropagation();
    });

    slider.setAttribute("aria-valuemax", time(duration));
    if (several) {
      radios[0].checked = find(".ew-repeat").checked = deck.loop = true;     // a second is too short to switch in
    }
    label();
  }

  globalThis.EarwitnessPlayer = { upgrade };                // for pages that make players of their own

  const begin = () => {
    if (!window.AudioContext || !window.IntersectionObserver) return;
    const seen = new IntersectionObserver((entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
      seen.unobserve(entry.target);
      upgrade(entry.target).catch((error) => console.warn("The native player stays:", error));
    }), { rootMargin: "300px" });
    const figures = [...document.querySelectorAll(".ew-compare, .ew-player")];
    figures.filter((figure) => !figure.parentElement.closest(".ew-compare")).forEach((figure) => seen.observe(figure));
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
