// Sorting and filtering of the scoreboard. Without scripts it is plain tables, complete and in the book's order.
// What is chosen stands in the address behind the #, so that it survives a reload and can be sent to somebody.
document.addEventListener("DOMContentLoaded", () => {
  const tables = [...document.querySelectorAll("table.ew-scoreboard")];
  if (!tables.length) return;

  const key = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value !== undefined ? Number(cell.dataset.value) : cell.textContent.trim().toLowerCase();
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b
      : typeof a === typeof b ? a.localeCompare(b)
      : typeof a === "number" ? -1 : 1;            // numbers before words and gaps

  const sortable = (table) => {
    const body = table.tBodies[0], headers = [...table.tHead.rows[0].cells];
    const sort = (column, header) => {
      const descending = header.getAttribute("aria-sort") === "ascending";
      headers.forEach((other) => other.removeAttribute("aria-sort"));
      header.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const sign = descending ? -1 : 1;
      body.append(...[...body.rows].sort((a, b) => sign * compare(key(a, column), key(b, column))));
    };
    headers.forEach((header, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = header.textContent;
      button.addEventListener("click", () => sort(column, header));
      header.replaceChildren(button);
    });
  };

  const rows = tables.flatMap((table) => {
    const on = [...table.tHead.rows[0].cells].findIndex((header) => header.textContent.trim() === "On");
    return [...table.tBodies[0].rows].map((row) => ({
      row,
      text: row.textContent.toLowerCase(),
      chapter: row.querySelector("small")?.textContent.split("/")[0] ?? "",
      verdict: row.dataset.verdict,
      corpus: row.cells[on]?.textContent.trim().split(/\s/)[0] ?? "",
    }));
  });
  tables.forEach(sortable);

  const form = document.createElement("form");
  form.className = "ew-filter";
  form.setAttribute("role", "search");
  form.innerHTML = '<label>Find <input type="search" name="find" autocomplete="off"></label>'
    + ["chapter", "verdict", "corpus"].map((name) =>
      `<label>${name[0].toUpperCase()}${name.slice(1)} <select name="${name}"><option value="">all</option></select></label>`).join("")
    + '<output aria-live="polite"></output>';
  const choices = [...form.querySelectorAll("select")], find = form.elements.find, output = form.querySelector("output");
  choices.forEach((select) => select.append(
    ...[...new Set(rows.map((row) => row[select.name]))].filter((value) => value && value !== "–").map((value) => new Option(value))));

  const filter = () => {
    const words = find.value.trim().toLowerCase().split(/\s+/);
    rows.forEach((entry) => {
      entry.row.hidden = !(words.every((word) => entry.text.includes(word))
        && choices.every((select) => !select.value || entry[select.name] === select.value));
    });
    tables.forEach((table) => { table.hidden = [...table.tBodies[0].rows].every((row) => row.hidden); });
    output.textContent = `${rows.filter((entry) => !entry.row.hidden).length} of ${rows.length} rows`;
  };
  const keep = () => {
    const chosen = [...new FormData(form)].filter(([, value]) => value.trim());
    history.replaceState(null, "", `#${new URLSearchParams(chosen)}`);
  };
  const restore = () => {
    if (location.hash && !location.hash.includes("=")) return;             // a place on the page
    const asked = new URLSearchParams(location.hash.slice(1));
    [find, ...choices].forEach((field) => { field.value = asked.get(field.name) ?? ""; });
    choices.forEach((select) => { if (select.selectedIndex < 0) select.value = ""; });
    filter();
  };
  form.addEventListener("input", () => { filter(); keep(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", restore);
  tables[0].closest(".ew-scroll").before(form);
  filter();
  restore();
});
