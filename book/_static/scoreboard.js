// Sorting and filtering of the scoreboard. Without scripts it is a plain table, complete and in the papers' order.
document.addEventListener("DOMContentLoaded", () => {
  const table = document.querySelector("table.ew-scoreboard");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const headers = [...table.tHead.rows[0].cells];

  const key = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value !== undefined ? Number(cell.dataset.value) : cell.textContent.trim().toLowerCase();
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b
      : typeof a === typeof b ? a.localeCompare(b)
      : typeof a === "number" ? -1 : 1;            // numbers before words and gaps

  const sort = (column, header) => {
    const descending = header.getAttribute("aria-sort") === "ascending";
    headers.forEach((other) => other.removeAttribute("aria-sort"));
    header.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const sign = descending ? -1 : 1;
    body.append(...[...rows].sort((a, b) => sign * compare(key(a, column), key(b, column))));
  };
  headers.forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = header.textContent;
    button.addEventListener("click", () => sort(column, header));
    header.replaceChildren(button);
  });

  const form = document.createElement("form");
  form.className = "ew-filter";
  form.setAttribute("role", "search");
  form.innerHTML = '<label>Find <input type="search" autocomplete="off"></label>'
    + '<label>Verdict <select><option value="">all</option></select></label><output aria-live="polite"></output>';
  const [find, select, output] = [form.querySelector("input"), form.querySelector("select"), form.querySelector("output")];
  const verdicts = [...new Set(rows.map((row) => row.dataset.verdict))].filter(Boolean);
  select.append(...verdicts.map((verdict) => new Option(verdict)));
  const filter = () => {
    const words = find.value.trim().toLowerCase().split(/\s+/);
    const shown = rows.filter((row) => {
      const text = row.textContent.toLowerCase();
      row.hidden = !(words.every((word) => text.includes(word)) && (!select.value || row.dataset.verdict === select.value));
      return !row.hidden;
    });
    output.textContent = `${shown.length} of ${rows.length} rows`;
  };
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  table.closest(".ew-scroll").before(form);
  filter();
});
