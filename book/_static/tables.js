// Whatever scrolls sideways can be reached and moved with the keyboard; a place inside a fold unfolds it; tables of
// parameters stack on a phone.
document.addEventListener("DOMContentLoaded", () => {
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
