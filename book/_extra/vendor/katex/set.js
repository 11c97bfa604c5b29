// Ours: sets the formulas of a page with KaTeX. Sphinx loads this script on pages that have formulas, and only there.
(() => {
  const own = document.currentScript.src;
  const here = (name) => new URL(name, own).href;
  const set = () => document.querySelectorAll(".math").forEach((place) => {
    const source = place.textContent.trim().replace(/^\\[([]|\\[)\]]$/g, "");
    window.katex.render(source, place, { displayMode: place.tagName === "DIV", throwOnError: false });
  });
  const draw = () => (document.readyState === "loading" ? document.addEventListener("DOMContentLoaded", set) : set());
  document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: here("katex.min.css") }));
  if (window.define?.amd) window.require([here("katex.min.js")], (katex) => { window.katex = katex; draw(); });
  else document.head.append(Object.assign(document.createElement("script"), { src: here("katex.min.js"), onload: draw }));
})();
