// Loads a network and the code around it when a reader asks for it: a page weighs nothing before.
(() => {
  const own = (globalThis.EarwitnessNetworks ??= {});
  const base = document.currentScript.src;
  let begun = {};
  own.start = (name, begin) => { begun[name] = begin; };  // each page's code says how it begins

  const script = (name) => new Promise((done, fail) => {
    const address = new URL(name, base).href;
    document.head.append(Object.assign(document.createElement("script"), { src: address, onload: done,
      onerror: () => fail(new Error(`${name} did not load`)) }));
  });

  const offer = (root) => {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "ew-study-button",
      textContent: `Start (${root.dataset.size})` });
    const said = Object.assign(document.createElement("p"), { ariaLive: "polite" });
    button.addEventListener("click", async () => {
      button.disabled = true;
      said.textContent = "Loading the network …";
      try {
        for (const name of root.dataset.scripts.split(" ")) await script(name);
        begun[root.dataset.name](root);
      } catch (error) {
        said.textContent = `This page could not load all it needs (${error.message}); it must stand beside the folder networks.`;
        button.disabled = false;
      }
    });
    root.replaceChildren(...root.querySelectorAll("figure"), button, said);  // a picture stays until then
  };
  document.querySelectorAll(".ew-net").forEach(offer);
})();
