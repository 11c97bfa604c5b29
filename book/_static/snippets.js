// What the search shows of a page: the title of the section, and whole sentences around what was found. From a disk,
// where a browser reads no other page, titles alone.
document.addEventListener("DOMContentLoaded", () => {
  if (typeof Search === "undefined") return;              // only the page that searches has it
  if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
  const LEAST = 60, MOST = 320;

  const sentences = (text, at) => {
    const before = Math.max(...[". ", "? ", "! "].map((end) => text.lastIndexOf(end, at) + 2).map((k) => (k < 2 ? 0 : k)));
    const start = at - before > MOST / 2 ? text.indexOf(" ", at - MOST / 2) + 1 : before;
    if (text.length - start <= MOST) return text.slice(start);
    const ends = [...text.slice(at + LEAST).matchAll(/[.?!](?=\s|$)/g)].map((end) => at + LEAST + end.index + 1);
    const end = ends.length && ends[0] - start <= MOST ? ends[0] : text.lastIndexOf(" ", start + MOST);
    return text.slice(start, end > start ? end : text.length) + (end > start && !/[.?!]/.test(text[end - 1]) ? " …" : "");
  };

  Search.makeSearchSummary = (page, keywords) => {
    const article = new DOMParser().parseFromString(page, "text/html").querySelector("article, [role=main]");
    const words = [...keywords].map((word) => word.toLowerCase());
    const said = [...(article?.querySelectorAll("p, li, dd, td") ?? [])].filter((part) => !part.querySelector("p, li"))
      .map((part) => ({ part, text: part.textContent.replace(/\s+/g, " ").trim() }));
    const count = ({ text }) => words.filter((word) => text.toLowerCase().includes(word)).length;
    const best = said.reduce((most, each) => (count(each) > (most ? count(most) : 0) ? each : most), null);
    if (!best) return null;
    const at = Math.min(...words.map((word) => best.text.toLowerCase().indexOf(word)).filter((k) => k >= 0));
    const head = best.part.closest("section")?.querySelector("h1, h2, h3");
    const summary = Object.assign(document.createElement("p"), { className: "context" });
    if (head && head.tagName !== "H1") {
      summary.append(Object.assign(document.createElement("b"), { textContent: head.firstChild.textContent.trim() }),
        document.createElement("br"));
    }
    summary.append(sentences(best.text, at));
    return summary;
  };
});
