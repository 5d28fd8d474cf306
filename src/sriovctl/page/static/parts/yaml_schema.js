// Where the cursor stands in a state file, and what the JSON Schema offers there.  Pure.

const KEY = /^(\s*)(?:"((?:[^"\\]|\\.)*)"|'((?:[^']|'')*)'|([^\s#:{}[\],&*!|>'"%@`-][^#{}[\]:,]*?|[^\s#{}[\],&*!|>'"%@`][^\s{}[\],]*?))\s*:(?=\s|$)/;

/**
 * @typedef {{path: string[], isKey: boolean, word: string, from: number}} Place
 *   word: what is typed there already, from the offset on
 */

/**
 * Find the mappings around a place, by indentation and by brackets.  The text may be unfinished.
 * @param {string} text
 * @param {number} offset
 * @returns {Place}
 */
export function placeAt(text, offset) {
  const stack = [];
  let flow = [];
  const lines = text.slice(0, offset).split("\n");
  for (const [at, line] of lines.entries()) {
    const isLast = at === lines.length - 1;
    if (flow.length) {
      flow = scanFlow(line, flow);
      continue;
    }
    if (!isLast && /^\s*(#.*)?$/.test(line)) continue;
    const indent = /^\s*/.exec(line)[0].length;
    while (stack.length && stack.at(-1).indent >= indent) stack.pop();
    const found = KEY.exec(line);
    if (!found) {
      flow = scanFlow(line, []);
      continue;
    }
    const key = found[2] ?? found[3] ?? found[4];
    stack.push({ indent, key });
    flow = scanFlow(line.slice(found[0].length), []);
  }
  return describe(stack, flow, lines.at(-1), offset);
}

function describe(stack, flow, line, offset) {
  const word = /[A-Za-z0-9_.:-]*$/.exec(line)[0];
  const typed = word.endsWith(":") ? "" : word;
  const from = offset - typed.length;
  const outer = stack.map((one) => one.key);
  if (flow.length) {
    const inner = flow.flatMap((frame) => (frame.key === null ? [] : [frame.key]));
    const isKey = flow.at(-1).kind === "{" && flow.at(-1).key === null;
    return { path: [...outer, ...inner], isKey, word: typed, from };
  }
  const isValue = KEY.test(line) || /^\s*- /.test(line);
  return { path: outer, isKey: !isValue, word: typed, from };
}

/** Follow brackets through one line; keys of flow mappings are kept with their bracket. */
function scanFlow(line, before) {
  const frames = before.map((frame) => ({ ...frame }));
  let token = "";
  let quote = "";
  for (let at = 0; at < line.length; at += 1) {
    const sign = line[at];
    if (quote) {
      if (sign === quote) quote = "";
      else token += sign;
    } else if (sign === '"' || sign === "'") quote = sign;
    else if (sign === "#" && /\s|^$/.test(line[at - 1] ?? "")) break;
    else if (sign === "{" || sign === "[") {
      frames.push({ kind: sign, key: null });
      token = "";
    } else if (sign === "}" || sign === "]") {
      frames.pop();
      token = "";
    } else if (!frames.length) continue;
    else if (sign === ":" && /\s|^$/.test(line[at + 1] ?? "") && frames.at(-1).kind === "{") {
      frames.at(-1).key = token.trim();
      token = "";
    } else if (sign === ",") {
      frames.at(-1).key = null;
      token = "";
    } else token += sign;
  }
  return frames;
}

/**
 * Find the part of a schema that holds for a path.
 * @param {any} schema the whole of it
 * @param {string[]} path
 * @returns {any} null: there is no such place
 */
function schemaAt(schema, path) {
  let part = resolve(schema, schema);
  for (const key of path) {
    const next = part?.properties?.[key] ?? byPattern(part, key)
      ?? (typeof part?.additionalProperties === "object" ? part.additionalProperties : null);
    if (!next) return null;
    part = { ...resolve(schema, next), description: next.description ?? resolve(schema, next).description };
  }
  return part;
}

function byPattern(part, key) {
  const found = Object.entries(part?.patternProperties ?? {}).find(([pattern]) => new RegExp(pattern).test(key));
  return found?.[1] ?? null;
}

function resolve(schema, part) {
  const name = /^#\/\$defs\/(.+)$/.exec(part?.$ref ?? "")?.[1];
  return name ? { ...schema.$defs[name], ...part, $ref: undefined } : part;
}

/**
 * @typedef {{label: string, detail?: string, info?: string, apply?: string}} Offer
 */

/**
 * What can stand at a place.
 * @param {any} schema
 * @param {Place} place
 * @param {{known?: Record<string, string[]>}} [host] values that this host knows, by key
 * @returns {Offer[]}
 */
export function offersAt(schema, place, { known = {} } = {}) {
  const part = schemaAt(schema, place.path);
  if (!part) return [];
  if (place.isKey) return keysOf(schema, part);
  const key = place.path.at(-1) ?? "";
  const inList = part.items ? part.items : part;
  return [...valuesOf(inList), ...(known[place.path.slice(-2).join(".")] ?? known[key] ?? []).map(quoted)];
}

function keysOf(schema, part) {
  return Object.entries(part.properties ?? {}).map(([key, below]) => {
    const whole = resolve(schema, below);
    const isMap = whole.type === "object";
    return { label: key, info: below.description ?? whole.description, detail: kindOf(whole), apply: isMap ? `${key}:` : `${key}: ` };
  });
}

function kindOf(part) {
  if (part.enum) return part.enum.join(" | ");
  if (part.const !== undefined) return String(part.const);
  if (isFlag(part)) return "true | false";
  if (part.type === "integer") return part.maximum === undefined ? "0…" : `${part.minimum ?? 0}…${part.maximum}`;
  return Array.isArray(part.type) ? part.type[0] : part.type;
}

const isFlag = (part) => part.anyOf?.some((one) => one.type === "boolean") ?? false;

function valuesOf(part) {
  const values = part.enum ?? (part.const !== undefined ? [part.const] : isFlag(part) ? [true, false] : []);
  const words = values.map((value) => ({ label: String(value) }));
  return part.pattern?.includes("auto|") ? [{ label: "auto", info: part.description }, ...words] : words;
}

/** Addresses are quoted: other YAML tools read some of them as numbers. */
const quoted = (value) => ({ label: value, apply: /^[A-Za-z][A-Za-z0-9_-]*$/.test(value) ? value : `"${value}"` });

/**
 * What a key means, for who points at it.
 * @param {any} schema
 * @param {string} text
 * @param {number} offset
 * @returns {{from: number, to: number, key: string, meaning: string, kind: string | undefined} | null}
 */
export function hintAt(schema, text, offset) {
  const isWord = (sign) => /[A-Za-z0-9_]/.test(sign ?? "");
  let [from, to] = [offset, offset];
  while (isWord(text[from - 1])) from -= 1;
  while (isWord(text[to])) to += 1;
  if (from === to || !/^\s*:(\s|$)/.test(text.slice(to, to + 40))) return null;
  const key = text.slice(from, to);
  const place = placeAt(text, from);
  const path = place.isKey ? place.path : place.path.slice(0, -1);
  const part = schemaAt(schema, [...path, key]);
  return part?.description ? { from, to, key, meaning: part.description, kind: kindOf(part) } : null;
}
