// After the listening study: every item again with recording, explanation and answers, the four formats as bars beside
// the paper's order, and the answers of a whole class together. Files are read here and kept nowhere.
(() => {
  // Becker et al. (2024), slides p. 17, where the network was right; of the recording seen nothing is said.
  const PAPER = { "signal-heard": "1st", "explanation-heard": "2nd", "explanation-seen": "3rd", "signal-seen": "not compared" };
  const GUESSING = 0.1;

  const after = ({ study, FORM, make, parse, mine }) => {
    const known = Object.fromEntries(study.items.map((item) => [item.item, item]));
    const people = new Map([[mine.code, mine.answers]]);
    const hit = (row) => Number(row.answer) === known[row.item].predicted;
    const given = () => [...people.values()].flat().filter((row) => row.answer !== "");

    // --- bars
    const bars = make("div", { className: "ew-after-bars" }), told = make("p", { ariaLive: "polite" });
    const bar = (form) => {
      const rows = given().filter((row) => row.format === form), share = rows.length ? rows.filter(hit).length / rows.length : 0;
      const fill = make("span", { className: "ew-after-bar" }), chance = make("span", { className: "ew-after-chance" });
      fill.style.width = `${100 * share}%`;
      chance.style.left = `${100 * GUESSING}%`;
      return make("div", { className: "ew-after-row" }, make("span", { textContent: FORM[form] }), make("span", { className: "ew-after-track" }, fill, chance),
        make("span", { textContent: rows.length ? `${rows.filter(hit).length} of ${rows.length}, ${Math.round(100 * share)} %` : "none" }),
        make("span", { textContent: `paper: ${PAPER[form]}` }));
    };
    const draw = () => {
      bars.replaceChildren(make("div", { className: "ew-after-row ew-after-head" }, make("span", { textContent: "Shown as" }),
        make("span", { textContent: "Answers that were the network's; the line is guessing" }), make("span", { textContent: "Hits" }), make("span", { textContent: "Paper's order" })),
      ...study.formats.map(bar));
      told.textContent = people.size > 1 ? `${people.size} people, ${given().length} answers.` : "Your answers alone.";
    };

    // --- a class: several files at once, each person once
    const load = async (files) => {
      const problems = [];
      for (const file of files) {
        try {
          const { code, answers } = parse(await file.text());
          if (people.has(code) && code !== mine.code) problems.push(`${file.name}: these answers are here already.`);
          else if (code !== mine.code) people.set(code, answers);
        } catch (error) {
          problems.push(`${file.name}: ${error.message}`);
        }
      }
      draw();
      replay();
      told.textContent += problems.length ? ` Left out: ${problems.join(" ")}` : "";
    };
    const files = make("input", { type: "file", accept: ".csv,text/csv", multiple: true, onchange: () => load([...files.files]) });

    // --- every item again; what it shows is fetched when it is opened
    const list = make("div");
    const said = (rows) => rows.map((row) => (row.answer === "" ? "skipped" : row.answer)).join(", ");
    const media = (item) => [["The recording", "signal"], ["The explanation", "explanation"]].map(([words, name]) => make("figure", {},
      make("figcaption", { textContent: words }), make("audio", { controls: true, src: item.shown[`${name}-heard`], ariaLabel: words }),
      make("img", { src: item.shown[`${name}-seen`], alt: `${words} as a waveform`, className: "dark-light" })));
    const again = (own) => {
      const item = known[own.item], others = [...people].filter(([code]) => code !== mine.code)
        .flatMap(([, rows]) => rows.filter((row) => row.item === own.item));
      const details = make("details", {}, make("summary", { textContent: `Item ${own.position}, ${FORM[own.format].toLowerCase()}: you `
        + `${own.answer === "" ? "skipped it" : `said ${own.answer}`}, the network ${item.predicted}, spoken was ${item.spoken}` }));
      details.addEventListener("toggle", () => {
        if (details.open && details.children.length === 1) {
          details.append(make("div", { className: "ew-after-item" }, ...media(item)));
          if (others.length) details.append(make("p", { textContent: `The others said: ${said(others)}.` }));
        }
      });
      return details;
    };
    const replay = () => list.replaceChildren(...mine.answers.map(again));

    draw();
    replay();
    const heading = (textContent) => make("h3", { textContent });
    return [heading("How often you said what the network predicted"), bars, told,
      make("p", { textContent: "The paper's order holds for items that the network got right: the recording heard informs best, then the explanation heard, then the explanation seen." }),
      make("p", {}, make("label", {}, "Answers of a class, several files together: ", files)), heading("Every item again"), list];
  };
  globalThis.EarwitnessAfter = after;
})();
