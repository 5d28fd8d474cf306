// Style sheets that not every view needs, each loaded once.
const loading = new Map();

/**
 * Load styles once; who awaits it does not paint without them.
 * @param {string} name of a file in style/views
 * @returns {Promise<void>}
 */
export function loadStyle(name) {
  return loadSheet(new URL(`../style/views/${name}.css`, import.meta.url).href);
}

/** Load a style sheet once, by its address. */
export function loadSheet(address) {
  if (!loading.has(address)) loading.set(address, load(address));
  return loading.get(address);
}

function load(address) {
  return new Promise((resolve) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = address;
    // Without its styles a view is plain, not broken.
    link.onload = link.onerror = () => resolve();
    document.head.append(link);
  });
}
