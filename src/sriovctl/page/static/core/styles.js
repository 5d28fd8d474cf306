// Styles of one view, loaded with it.
const loading = new Map();

/**
 * Load styles once; who awaits it does not paint without them.
 * @param {string} name of a file in style/views
 * @returns {Promise<void>}
 */
export function loadStyle(name) {
  if (!loading.has(name)) loading.set(name, load(name));
  return loading.get(name);
}

function load(name) {
  return new Promise((resolve) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = new URL(`../style/views/${name}.css`, import.meta.url).href;
    // Without its styles a view is plain, not broken.
    link.onload = link.onerror = () => resolve();
    document.head.append(link);
  });
}
