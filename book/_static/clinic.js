// The clinic: networks shown by their explanations alone; which go by a shortcut? All data stand in the page; nothing is
// kept and nothing is sent. Guesses are scored as the listening study scores them, and can be saved as CSV.
(() => {
  const HEALTHY = "healthy";
  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  // TP / P - FP / N, of "has a shortcut"
  const informedness = (rows) => {
    const share = (ill) => {
      const side = rows.filter((row) => (row.actual !== HEALTHY) === ill);
      return side.filter((row) => row.guessed !== HEALTHY).length / side.length;
    };
    return share(true) - share(false);
  };
  const named = (rows) => rows.filter((row) => row.actual !== HEALTHY && row.actual === row.guessed).length;
  const toCsv = (rows) => ["network,actual,guessed", ...rows.map((row, number) => `${number + 1},${row.actual},${row.guessed}`)].join("\n") + "\n";
  if (typeof module !== "undefined") module.exports = { informedness, named, toCsv };
  if (typeof document === "undefined") return;

  const begin = (root) => {
    const { networks, words, kinds, rule } = JSON.parse(root.querySelector("script").textContent);
    const choices = [[HEALTHY, "healthy"], ...Object.entries(kinds)];
    let guesses = [];
    const rows = () => networks.map((network, number) => ({ actual: network.kind, guessed: guesses[number] }));
    const player = (src, name) => make("label", { className: "ew-spot-side" }, `${name} `, make("audio", { src, controls: true, ariaLabel: name }));
    const show = (...parts) => {
      root.replaceChildren(...parts);
      root.querySelector("h3")?.focus({ preventScroll: true });
    };

    const ask = () => {
      const number = guesses.length, network = networks[number];
      const buttons = choices.map(([kind, says], key) => {
        const button = make("button", { type: "button", className: "ew-study-button ew-spot-guess", textContent: `${key + 1} ${says}` });
        button.addEventListener("click", () => guess(kind));
        return button;
      });
      show(
        make("h3", { tabIndex: -1, textContent: `Network ${number + 1} of ${networks.length}: healthy, or what does it go by?` }),
        make("img", { src: network.map, className: "dark-light", alt: `Relevance of network ${number + 1} over time and frequency, for two words` }),
        make("div", { className: "ew-spot-pair" }, ...network.sounds.map((src, word) => player(src, `What counts in word ${word + 1}`))),
        make("div", { className: "ew-study-row" }, ...buttons),
        make("p", { className: "ew-keys" }, "Keys: ", make("kbd", { textContent: "1" }), " to ", make("kbd", { textContent: String(choices.length) }), "."),
      );
    };
    const guess = (kind) => {
      guesses.push(kind);
      if (guesses.length < networks.length) ask();
      else end();
    };

    const save = () => {
      const url = URL.createObjectURL(new Blob([toCsv(rows())], { type: "text/csv" }));
      make("a", { href: url, download: "clinic.csv" }).click();
      URL.revokeObjectURL(url);
    };
    const end = () => {
      const mine = rows(), ill = mine.filter((row) => row.actual !== HEALTHY).length;
      const table = make("table", {}, make("thead", {}, make("tr", {}, ...["network", "it is", "your guess"].map((name) => make("th", { textContent: name })))),
        make("tbody", {}, ...mine.map((row, number) => make("tr", {}, ...[number + 1, row.actual, row.guessed].map((text) => make("td", { textContent: text }))))));
      const keep = make("button", { type: "button", className: "ew-study-button", textContent: "Save my guesses (CSV)" });
      keep.addEventListener("click", save);
      const again = make("button", { type: "button", className: "ew-study-button", textContent: "Begin again" });
      again.addEventListener("click", () => { guesses = []; ask(); });
      show(
        make("h3", { tabIndex: -1, textContent: `Informedness ${informedness(mine).toFixed(2)}` }),
        make("p", { textContent: "0 is what guessing gets, 1 is perfect. "
          + `You named the shortcut of ${named(mine)} of ${ill} networks that have one. A rule without eyes reaches ${rule.informedness.toFixed(2)}.` }),
        table,
        make("div", { className: "ew-study-row" }, keep, again),
      );
    };

    root.addEventListener("keydown", (event) => {
      const chosen = choices[Number(event.key) - 1];
      if (event.ctrlKey || event.altKey || event.metaKey || !chosen || event.target.tagName === "AUDIO") return;
      if (!root.querySelector(".ew-spot-guess")) return;
      guess(chosen[0]);
      event.preventDefault();
    });
    const start = make("button", { type: "button", className: "ew-study-button", textContent: "Begin" });
    start.addEventListener("click", ask);
    root.replaceChildren(
      make("p", { textContent: "These two words with an s are what every network was given, with all five shortcuts in them:" }),
      make("div", { className: "ew-spot-pair" }, ...words.map((src, word) => player(src, `Word ${word + 1}`))),
      start,
    );
  };
  const all = () => document.querySelectorAll(".ew-clinic").forEach(begin);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", all);
  else all();
})();
