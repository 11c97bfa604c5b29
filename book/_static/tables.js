// Tables that are wider than the page stack each row instead of cutting columns off: every cell learns the name of its
// column. And whatever still scrolls sideways can be reached and moved with the keyboard.
document.addEventListener("DOMContentLoaded", () => {
  const below = { "ew-records": Infinity, "ew-scoreboard": 1200, "ew-parameters": 768 };    // pixels of the window
  const tables = Object.keys(below).flatMap((kind) => [...document.querySelectorAll(`table.${kind}`)].map((table) => [table, kind]));
  tables.forEach(([table]) => {
    const names = [...(table.tHead?.rows[0]?.cells ?? [])].map((cell) => cell.textContent.trim());
    [...(table.tBodies[0]?.rows ?? [])].forEach((row) => [...row.cells].forEach((cell, column) => {
      cell.dataset.label = names[column] ?? "";
      if (["", "–"].includes(cell.textContent.trim())) cell.dataset.empty = "";
    }));
  });
  const stack = () => tables.forEach(([table, kind]) => table.classList.toggle("ew-stacks", innerWidth < below[kind]));

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
  const fit = () => { stack(); reach(); };
  fit();
  addEventListener("load", fit);
  addEventListener("resize", fit);
});
