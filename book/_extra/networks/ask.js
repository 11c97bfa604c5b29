// What a page listens to: a row with the microphone, a file and the page's own clips. `hear(samples, words)` gets it.
(() => {
  const own = (globalThis.EarwitnessNetworks ??= {}), { draw: { make }, listen } = own;
  const WORDS = {
    NotAllowedError: "The browser gave no microphone: allow it for this page, open a file or choose a clip.",
    NotFoundError: "There is no microphone: open a file or choose a clip.",
    EncodingError: "This file is no sound that the browser can read; WAV, MP3, Ogg and M4A are.",
  };

  own.ask = ({ rate, seconds, prompt, clips, hear, tell, progress }) => {
    const tried = (work) => async () => {
      try {
        await work();
      } catch (error) {
        progress.hidden = true;
        tell(WORDS[error.name] ?? `That did not work: ${error.message}`);
      }
    };
    const audible = (samples, words) => {
      if (!samples.length || listen.peak(samples) < 0.005) {
        progress.hidden = true;
        return tell(`Nothing is to be heard in ${words}. Come nearer to the microphone, or choose a clip.`);
      }
      return hear(samples, words);
    };

    const mic = make("button", { type: "button", className: "ew-study-button", textContent: `Record (${seconds} s)` });
    mic.addEventListener("click", tried(async () => {
      mic.disabled = true;
      progress.hidden = false;
      tell(prompt);
      try {
        await audible(await listen.record(seconds, rate, (part) => { progress.value = part; }), "your recording");
      } finally {
        mic.disabled = false;
      }
    }));
    const file = make("input", { type: "file", accept: "audio/*", ariaLabel: "Open a sound file" });
    file.addEventListener("change", tried(async () => {
      const [chosen] = file.files;
      if (chosen) await audible(await listen.decoded(await chosen.arrayBuffer(), rate), `the file ${chosen.name}`);
    }));
    const list = make("select", { ariaLabel: "A clip of this page" }, make("option", { value: "", textContent: "a clip of this page …" }),
      ...clips.map((clip, value) => make("option", { value, textContent: clip.words })));
    list.addEventListener("change", tried(async () => {
      if (list.value) await audible(listen.unpacked(clips[list.value].samples), `the clip “${clips[list.value].words}”`);
    }));
    return make("div", { className: "ew-net-ask" }, mic, make("label", {}, "or open ", file), make("label", {}, "or take ", list));
  };
})();
