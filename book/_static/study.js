// The listening study: one participant, one browser, no server. Answers stay in this browser until they are saved.
(() => {
  const QUESTION = "Which digit did the network predict?";
  const FORM = {
    "signal-heard": "Recording, by ear", "explanation-heard": "Explanation, by ear",
    "signal-seen": "Recording, by eye", "explanation-seen": "Explanation, by eye",
  };

  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  // --- order and formats, decided by the participant's code alone
  const random = (seed) => () => {                        // mulberry32
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const shuffled = (list, next) => {
    const copy = [...list];
    for (let last = copy.length - 1; last > 0; last--) {
      const other = Math.floor(next() * (last + 1));
      [copy[last], copy[other]] = [copy[other], copy[last]];
    }
    return copy;
  };
  const newCode = () => [...crypto.getRandomValues(new Uint8Array(4))].map((x) => x.toString(16).padStart(2, "0")).join("");

  const begin = (root) => {
    const study = JSON.parse(root.querySelector("script").textContent);
    const place = `earwitness-study-${study.id}`;
    let state = { code: "", answers: [] }, kept = true, shownAt = 0;

    const items = () => shuffled(study.items, random(parseInt(state.code, 16)));
    const format = (item) => study.formats[(item.rank + parseInt(state.code, 16)) % study.formats.length];

    // --- the browser's store; without it (private windows) the answers live as long as the page
    const keep = () => {
      try {
        localStorage.setItem(place, JSON.stringify(state));
      } catch (error) {
        if (!(error instanceof DOMException)) throw error;
        kept = false;
      }
    };
    const remembered = () => {
      try {
        return JSON.parse(localStorage.getItem(place));
      } catch (error) {
        if (!(error instanceof DOMException || error instanceof SyntaxError)) throw error;
        return null;
      }
    };
    const names = new Set(study.items.map((item) => item.item));
    const usable = (kept) => /^[0-9a-f]{8}$/.test(kept?.code) && Array.isArray(kept.answers)
      && new Set(kept.answers.map((row) => row?.item)).size === kept.answers.length
      && kept.answers.every((row) => names.has(row?.item) && study.formats.includes(row.format)
        && typeof row.answer === "string" && /^[0-9]?$/.test(row.answer));
    const erase = () => {
      if (!confirm("Erase all your answers from this browser?")) return;
      state = { code: "", answers: [] };
      if (kept) localStorage.removeItem(place);
      welcome();
    };

    // --- files
    const csv = () => {
      const known = Object.fromEntries(study.items.map((item) => [item.item, item]));
      const rows = state.answers.map((given) => {
        const whole = { study: study.id, participant: state.code, ...known[given.item], ...given };
        return study.columns.map((column) => whole[column] ?? "");
      });
      return [study.columns, ...rows].map((row) => row.join(",")).join("\r\n") + "\r\n";
    };
    const save = () => {
      const url = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
      make("a", { href: url, download: `${study.id}-${state.code}.csv` }).click();
      setTimeout(() => URL.revokeObjectURL(url), 10000);
    };
    const parse = (text) => {                             // the state that a file of answers holds, or an Error
      const [head, ...lines] = text.trim().split(/\r?\n/).map((line) => line.split(","));
      const missing = study.columns.filter((column) => !head.includes(column));
      if (missing.length) throw new Error(`This is no file of the study: it lacks ${missing.join(", ")}.`);
      const rows = lines.map((line) => Object.fromEntries(head.map((column, number) => [column, line[number] ?? ""])));
      if (!rows.length) throw new Error("This file holds no answers.");
      if (rows.some((row) => row.study !== study.id)) {
        throw new Error(`This file belongs to the study ${rows.find((row) => row.study !== study.id).study}, not to ${study.id}.`);
      }
      const code = rows[0].participant;
      if (!/^[0-9a-f]{8}$/.test(code) || rows.some((row) => row.participant !== code)) {
        throw new Error("This file holds the answers of several people; only one can go on here.");
      }
      const odd = rows.find((row) => !study.formats.includes(row.format));
      if (odd) throw new Error(`The format of ${odd.item} is “${odd.format}”, which this study does not have.`);
      const bad = rows.find((row) => !/^[0-9]?$/.test(row.answer));
      if (bad) throw new Error(`The answer to ${bad.item} is “${bad.answer}”, which is no digit from 0 to 9.`);
      if (new Set(rows.map((row) => row.item)).size < rows.length || !rows.every((row) => names.has(row.item))) {
        throw new Error("This file answers an item twice, or one that is not in the study.");
      }
      return { code, answers: rows.map((row) => ({
        item: row.item, format: row.format, position: Number(row.position), answer: row.answer, seconds: Number(row.seconds).toFixed(1),
      })) };
    };
    const load = async (file, told) => {
      try {
        state = parse(await file.text());
      } catch (error) {
        told.textContent = error.message;
        return;
      }
      keep();
      next();
    };

    // --- pages
    const show = (...parts) => {
      root.replaceChildren(make("p", { className: "ew-study-which", textContent: `Study ${study.id}, corpus ${study.corpus}` }),
        ...parts);
      if (!kept) root.append(make("p", { textContent: "This browser keeps nothing: save your answers before you close the page." }));
    };
    const button = (text, action, className = "ew-study-button") =>
      make("button", { type: "button", className, textContent: text, onclick: action });
    const sound = (address, text, started = () => {}) => {
      const audio = new Audio(address);
      const made = button(text, () => {
        audio.currentTime = 0;
        audio.play().then(started, (error) => made.after(` This browser does not play it: ${error.message}`));
      }, "ew-study-button ew-study-play");
      made.stop = () => audio.pause();
      return made;
    };

    function welcome(trouble = "") {
      const agree = make("input", { type: "checkbox" }), told = make("p", { className: "ew-study-told", textContent: trouble });
      told.setAttribute("role", "alert");
      const start = button("Start", () => {
        state = { code: newCode(), answers: [] };
        keep();
        next();
      });
      start.disabled = true;
      agree.onchange = () => { start.disabled = !agree.checked; };
      const file = make("input", { type: "file", accept: ".csv,text/csv", onchange: () => load(file.files[0], told) });
      show(
        make("p", {}, sound(study.check, "▶ Sound check"), " You should hear one short soft tone."),
        make("p", {}, make("label", {}, agree, " I have read what is asked and what happens with my answers, and I agree.")),
        make("p", {}, start),
        make("p", {}, make("label", {}, "Or go on with answers that you saved: ", file)), told,
      );
    }

    function trial(item, position) {
      const form = format(item), heard = form.endsWith("heard"), from = performance.now();
      shownAt = from;
      const choices = make("fieldset", { className: "ew-study-digits", disabled: heard }, make("legend", { textContent: QUESTION }),
        ...Array.from({ length: 10 }, (_, digit) => make("label", {},
          make("input", { type: "radio", name: "ew-study-digit", value: digit, onchange: () => { onwards.disabled = false; } }),
          make("span", { textContent: digit }))));
      const answer = (digit) => {
        if (shownAt !== from) return;                     // a second click on the way to the next item
        shownAt = 0;
        stage.stop?.();
        state.answers.push({ item: item.item, format: form, position, answer: digit,
          seconds: ((performance.now() - from) / 1000).toFixed(1) });
        keep();
        next();
      };
      const onwards = button("Next (Enter)", () => answer(choices.querySelector(":checked").value));
      onwards.disabled = true;
      const stage = heard ? sound(item.shown[form], "▶ Play (space)", () => { choices.disabled = false; })
        : make("img", { src: item.shown[form], alt: "The picture to judge: a waveform over time", className: "ew-study-picture dark-light" });
      const bar = make("progress", { max: study.items.length, value: position - 1 });
      bar.setAttribute("aria-label", "Progress");
      const heading = make("p", { className: "ew-study-place", tabIndex: -1 }, bar, ` ${position} of ${study.items.length}: ${heard ? "listen" : "look"}`);
      show(heading, make("div", { className: "ew-study-stage" }, stage), choices,
        make("p", { className: "ew-study-row" }, onwards, button("I cannot perceive this", () => answer(""), "ew-study-plain"),
          button("Save and pause", save, "ew-study-plain"), button("Erase", erase, "ew-study-plain")),
        make("p", { className: "ew-keys", textContent: "Keys: space plays, 0 to 9 choose, Enter goes on." }));
      heading.focus();
      root.onkeydown = (event) => {
        if (event.ctrlKey || event.altKey || event.metaKey) return;
        const target = event.target;
        if (/^[0-9]$/.test(event.key) && !choices.disabled) {
          const wanted = choices.querySelectorAll("input")[Number(event.key)];
          wanted.checked = true;
          wanted.focus();
          onwards.disabled = false;
        } else if (event.key === " " && heard && !target.matches("button")) stage.click();
        else if (event.key === "Enter" && !target.matches("button") && !onwards.disabled) onwards.click();
        else return;
        event.preventDefault();
      };
    }

    function end() {
      root.onkeydown = null;
      const given = state.answers.filter((row) => row.answer !== "");
      const heading = make("p", { className: "ew-study-place", tabIndex: -1,
        textContent: `Done, thank you: you answered ${given.length} of ${study.items.length} items.` });
      show(heading,
        make("p", { className: "ew-study-row" }, button("Save my answers (CSV)", save), button("Erase and start again", erase, "ew-study-plain")),
        ...globalThis.EarwitnessAfter({ study, FORM, make, parse, mine: state }));
      heading.focus();
    }

    function next() {
      const done = new Set(state.answers.map((row) => row.item));
      const left = items().filter((item) => !done.has(item.item));
      if (left.length) trial(left[0], state.answers.length + 1);
      else end();
    }

    const old = remembered();
    if (usable(old)) {
      state = old;
      next();
    } else welcome(old?.code ? "What this browser kept of your answers is damaged; begin again, or load a file." : "");
  };

  const start = () => document.querySelectorAll(".ew-study").forEach(begin);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
