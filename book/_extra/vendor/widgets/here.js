// Ours: tells require.js that the widgets' icon fonts lie beside this file, not beside the page.
(() => {
  const here = new URL(".", document.currentScript.src).href.slice(0, -1);
  require.config({ paths: { "@jupyter-widgets": here, "@jupyter-widgets/html-manager/dist": here } });
})();
