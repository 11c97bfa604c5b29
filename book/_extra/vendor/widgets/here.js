// Ours: tells require.js that the widgets' icon fonts lie beside this file, not beside the page.
require.config({ paths: { "@jupyter-widgets/html-manager/dist": new URL(".", document.currentScript.src).href.slice(0, -1) } });
