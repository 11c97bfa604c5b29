// Filters of the scoreboard. Without scripts it is a plain table, complete and in the book's order.
// What is chosen stands in the address behind the #, so that it survives a reload and can be sent to somebody.
document.addEventListener("DOMContentLoaded", () => {
  const claims = [...document.querySelectorAll(".ew-scoreboard .ew-claim")];
  if (!claims.length) return;

  // What people call things, and what the claims call them.
  const ALSO = {
    pitch: ["f0", "fundamental"], gender: ["sex"], female: ["women", "woman"], male: ["men", "man"],
    vowel: ["formant"], loudness: ["level", "magnitude"], heatmap: ["relevance"], saliency: ["relevance"],
    random: ["chance", "untrained"], quality: ["mos"], direction: ["doa", "azimuth", "elevation"],
    room: ["reverb", "rt60"], phone: ["telephone", "codec"], accuracy: ["recognised", "correct"],
  };
  const rows = claims.map((body) => ({
    body, text: body.textContent.toLowerCase(), chapter: [body.dataset.chapter],
    verdict: body.dataset.verdict.split("|"), corpus: body.dataset.corpus.split("|"),
  }));
  const titles = Object.fromEntries([...document.querySelectorAll(".ew-scoreboard .ew-chapter")]
    .map((head) => [head.dataset.chapter, head.textContent.trim()]));

  const form = document.createElement("form");
  form.className = "ew-filter";
  form.setAttribute("role", "search");
  form.setAttribute("aria-label", "Claims");
  form.innerHTML = '<label>Find <input type="search" name="find" autocomplete="off"></label>'
    + ["chapter", "verdict", "corpus"].map((name) =>
      `<label>${name[0].toUpperCase()}${name.slice(1)} <select name="${name}"><option value="">all</option></select></label>`).join("")
    + '<output aria-live="polite"></output>';
  const choices = [...form.querySelectorAll("select")], find = form.elements.find, output = form.querySelector("output");
  choices.forEach((select) => select.append(...[...new Set(rows.flatMap((row) => row[select.name]))]
    .filter(Boolean).map((value) => new Option(titles[value] ?? value, value))));

  const says = (text, word) => [word, ...(ALSO[word] ?? [])].some((each) => text.includes(each));
  const filter = () => {
    const words = find.value.trim().toLowerCase().split(/\s+/);
    rows.forEach((row) => {
      row.body.hidden = !(words.every((word) => says(row.text, word))
        && choices.every((select) => !select.value || row[select.name].includes(select.value)));
    });
    document.querySelectorAll(".ew-scoreboard .ew-chapter").forEach((head) => {
      const mine = rows.filter((row) => row.chapter[0] === head.dataset.chapter
        && row.body.closest("table") === head.closest("table"));
      head.hidden = mine.every((row) => row.body.hidden);
    });
    const chosen = find.value.trim() || choices.some((select) => select.value);
    document.querySelectorAll("details.ew-more").forEach((folded) => {
      if (chosen) folded.open = [...folded.querySelectorAll(".ew-claim")].some((body) => !body.hidden);
    });
    output.textContent = `${rows.filter((row) => !row.body.hidden).length} of ${rows.length} claims`;
  };
  const keep = () => {
    const chosen = [...new FormData(form)].filter(([, value]) => value.trim());
    history.replaceState(null, "", `#${new URLSearchParams(chosen)}`);
  };
  const restore = () => {
    if (location.hash && !location.hash.includes("=")) {                  // a row: shown whatever was chosen
      const row = document.getElementById(location.hash.slice(1));
      if (row?.hidden) { form.reset(); filter(); row.scrollIntoView(); }
      return;
    }
    const asked = new URLSearchParams(location.hash.slice(1));
    [find, ...choices].forEach((field) => { field.value = asked.get(field.name) ?? ""; });
    choices.forEach((select) => { if (select.selectedIndex < 0) select.value = ""; });
    filter();
    if (location.hash) form.scrollIntoView({ block: "start" });
  };
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => { filter(); keep(); });
  addEventListener("hashchange", restore);
  document.querySelector(".ew-scores").before(form);
  filter();
  restore();
});
