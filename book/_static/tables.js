// Whatever scrolls sideways can be reached and moved with the keyboard; a place inside a fold unfolds it; tables of
// parameters stack on a phone. What the theme and pandas leave without a name for a screen reader gets one.
document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("th").forEach((head) => {     // the corner of a table is the head of nothing
    if (head.textContent.trim()) return;
    const cell = document.createElement("td");
    [...head.attributes].forEach(({ name, value }) => name === "scope" || cell.setAttribute(name, value));
    head.replaceWith(cell);
  });
  document.querySelectorAll("[role=list] > [role=doc-biblioentry]").forEach((work) => work.setAttribute("role", "listitem"));
  document.querySelectorAll("nav li.has-children > details > summary").forEach((fold) => {
    const page = fold.closest("li").querySelector("a")?.textContent.trim();
    fold.setAttribute("aria-label", `Pages of ${page}`);
  });
  document.querySelectorAll(".sidebar-primary-items__start > .sidebar-primary-item:not(:has(nav))").forEach((item) => {
    item.setAttribute("role", "region");
    item.setAttribute("aria-label", item.querySelector("button, form, input") ? "Search" : "Title");
  });

  const tables = [...document.querySelectorAll("table.ew-parameters")];
  tables.forEach((table) => {
    const names = [...(table.tHead?.rows[0]?.cells ?? [])].map((cell) => cell.textContent.trim());
    [...(table.tBodies[0]?.rows ?? [])].forEach((row) => [...row.cells].forEach((cell, column) => {
      cell.dataset.label = names[column] ?? "";
    }));
  });
  const stack = () => tables.forEach((table) => table.classList.toggle("ew-stacks", innerWidth < 768));

  const WIDE = ".ew-scroll, .cell_output .output, .pst-scrollable-table-container, div.math, pre, .katex-display";
  const reach = () => document.querySelectorAll(WIDE).forEach((region) => {
    const scrolls = region.scrollWidth > region.clientWidth + 1 && getComputedStyle(region).overflowX !== "visible";
    if (scrolls && !region.hasAttribute("tabindex")) {
      region.tabIndex = 0;
      region.dataset.reached = "";
      if (!region.hasAttribute("role")) {
        region.setAttribute("role", "group");
        region.setAttribute("aria-label", region.querySelector("caption")?.textContent || "Wider than the page; scrolls");
      }
    } else if (!scrolls && "reached" in region.dataset) region.removeAttribute("tabindex");
  });
  const unfold = () => {
    const place = location.hash.length > 1 && !location.hash.includes("=") && document.getElementById(location.hash.slice(1));
    for (let fold = place && place.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    if (place && place.closest("details")) place.scrollIntoView();
  };
  const fit = () => { stack(); reach(); };
  fit();
  unfold();
  addEventListener("hashchange", unfold);
  addEventListener("load", fit);
  addEventListener("resize", fit);
});
