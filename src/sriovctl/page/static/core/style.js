const linked = new Map();

/**
 * Link a style sheet once, and wait until it holds.
 * @param {string} name below style/
 * @returns {Promise<void>}
 */
export function linkStyle(name) {
  if (!linked.has(name)) linked.set(name, link(new URL(`../style/${name}`, import.meta.url).href));
  return linked.get(name);
}

/** Link a style sheet by its address. */
export function link(address) {
  return new Promise((resolve, reject) => {
    const element = document.createElement("link");
    element.rel = "stylesheet";
    element.href = address;
    element.onload = () => resolve();
    element.onerror = () => reject(new Error(address));
    document.head.append(element);
  });
}
