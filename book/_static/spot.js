// Spot the untrained network: ten pairs, a guess each, the answer at once, and at the end how well guessing does.
// All data stand in the page; nothing is kept and nothing is sent.
(() => {
  const NAMES = ["A", "B"];
  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const percent = (share) => (share < 0.001 ? "fewer than 1 in 1000" : `${Math.max(1, Math.round(100 * share))} in 100`);

  const begin = (root) => {
    const { rounds, by_guessing: byGuessing } = JSON.parse(root.querySelector("script").textContent);
    let guesses = [], keys = null;
    const score = () => guesses.filter((guess, number) => guess === rounds[number].untrained).length;

    const shown = (round, side) => (round.form === "map"
      ? make("img", { src: round.shown[side], alt: `Map ${NAMES[side]}: relevance over the waveform of “${round.predicted}”`, className: "dark-light" })
      : make("audio", { src: round.shown[side], controls: true, ariaLabel: `Sound ${NAMES[side]}` }));

    const show = (...parts) => {
      root.replaceChildren(...parts);
      root.querySelector("h3")?.focus({ preventScroll: true });
    };

    const ask = () => {
      const number = guesses.length, round = rounds[number];
      const told = make("p", { className: "ew-spot-told", ariaLive: "polite" });
      const next = make("button", { type: "button", className: "ew-study-button ew-spot-next", hidden: true,
        textContent: number + 1 < rounds.length ? "Next pair" : "How did I do?" });
      const buttons = NAMES.map((name) => make("button", { type: "button", className: "ew-study-button ew-spot-guess",
        textContent: `${name} is untrained` }));
      const guess = (side) => {
        if (guesses.length > number) return;
        guesses.push(side);
        const right = side === round.untrained;
        told.textContent = `${right ? "Right" : "Wrong"}: ${NAMES[round.untrained]} is the untrained network's. `
          + `${score()} of ${guesses.length} so far.`;
        buttons.forEach((button) => { button.disabled = true; });
        buttons[round.untrained].closest(".ew-spot-side").classList.add("ew-spot-untrained");
        next.hidden = false;
        next.focus();
      };
      buttons.forEach((button, side) => button.addEventListener("click", () => guess(side)));
      next.addEventListener("click", () => (guesses.length < rounds.length ? ask() : end()));
      keys = (key) => (key === "1" || key.toLowerCase() === "a" ? guess(0) : key === "2" || key.toLowerCase() === "b" ? guess(1) : false);
      const what = round.form === "map" ? "map" : "sound";
      show(
        make("h3", { tabIndex: -1, textContent: `Pair ${number + 1} of ${rounds.length}: which ${what} is the untrained network's?` }),
        make("div", { className: "ew-spot-pair" }, ...NAMES.map((name, side) =>
          make("div", { className: "ew-spot-side" }, make("p", { textContent: name }), shown(round, side), buttons[side]))),
        told, next,
        make("p", { className: "ew-keys" }, "Keys: ", make("kbd", { textContent: "1" }), " or ", make("kbd", { textContent: "2" }), " guesses."),
      );
    };

    const end = () => {
      keys = null;
      const forms = ["map", "sound"].map((form) => {
        const mine = rounds.map((round, number) => [round, guesses[number]]).filter(([round]) => round.form === form);
        return `${mine.filter(([round, guess]) => guess === round.untrained).length} of ${mine.length} ${form}s`;
      });
      const again = make("button", { type: "button", className: "ew-study-button", textContent: "Play again" });
      again.addEventListener("click", () => { guesses = []; ask(); });
      const chance = byGuessing[score()];
      show(
        make("h3", { tabIndex: -1, textContent: `${score()} of ${rounds.length} right` }),
        make("p", { className: "ew-spot-chance", textContent: `Who tosses a coin does at least as well in ${percent(chance)} games. `
          + (chance < 0.05 ? "You can tell the two apart." : "So this score is no sign that you can tell the two apart.") }),
        make("p", { textContent: `${forms.join(", ")}.` }),
        again,
      );
    };

    root.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey || !keys || !["1", "2", "a", "b", "A", "B"].includes(event.key)) return;
      keys(event.key);
      event.preventDefault();
    });
    const start = make("button", { type: "button", className: "ew-study-button", textContent: "Begin" });
    start.addEventListener("click", ask);
    root.replaceChildren(start);
  };
  const all = () => document.querySelectorAll(".ew-spot").forEach(begin);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", all);
  else all();
})();
