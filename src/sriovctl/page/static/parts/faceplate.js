// A card as one sees it from outside: a cell for each VF.
import { html, useEffect, useMemo, useRef, useState } from "../core/dom.js";
import { href, navigate } from "../core/router.js";
import { t } from "../core/texts.js";
import { SIGNS, STATES, tally, userOf } from "./vf_state.js";

const CELL = 14;
const PITCH = 18;
const COLUMNS = { least: 8, most: 32, step: 8 };

/**
 * One drawing, with a path for all cells of a state: cheap with many PFs of many VFs.
 * @param {{pf: any, cells: {index: number, state: string, vf: any}[], usage: any}} props
 */
export function Faceplate({ pf, cells, usage }) {
  const [place, columns] = useColumns();
  const [position, setPosition] = useState(null);
  const paths = useMemo(() => drawn(cells, columns), [cells, columns]);
  const rows = Math.ceil(cells.length / columns);
  const at = cells[position] ?? null;
  const positionAt = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left) / PITCH);
    const row = Math.floor((event.clientY - box.top) / PITCH);
    return column < columns ? row * columns + column : null;
  };
  const onMove = (event) => setPosition(positionAt(event));
  const onClick = (event) => {
    const cell = cells[positionAt(event)];
    if (cell?.vf) navigate(href("vf", pf.device, cell.index));
  };
  return html`<div class="plate" ref=${place}>
    <svg role="img" aria-label=${summary(cells)} width=${columns * PITCH - PITCH + CELL + 2} height=${rows * PITCH}
      class=${at?.vf ? "is-pointing" : ""} onPointerMove=${onMove} onPointerLeave=${() => setPosition(null)} onClick=${onClick}>
      ${paths.map(([state, path]) => html`<path key=${state} class=${`vf-${state}`} d=${path} />`)}
      ${at && html`<rect class="plate-at" x=${(position % columns) * PITCH - 0.5} y=${Math.floor(position / columns) * PITCH + 0.5}
        width=${PITCH - 1} height=${PITCH - 1} rx="3" />`}
    </svg>
    ${at && html`<${Tip} pf=${pf} cell=${at} usage=${usage} column=${position % columns} columns=${columns} row=${Math.floor(position / columns)} />`}
  </div>`;
}

function drawn(cells, columns) {
  const parts = new Map();
  cells.forEach(({ state }, position) => {
    const x = (position % columns) * PITCH + 1;
    const y = Math.floor(position / columns) * PITCH + 2;
    parts.set(state, (parts.get(state) ?? "") + SIGNS[state].path(x, y));
  });
  return STATES.filter((state) => parts.has(state)).map((state) => [state, parts.get(state)]);
}

function summary(cells) {
  const numbers = tally(cells);
  const words = STATES.filter((state) => numbers[state]).map((state) => `${numbers[state]} ${t(`vf.state.${state}`)}`);
  return words.length ? `${t("word.vfs")}: ${words.join(", ")}` : t("overview.no_vfs");
}

// As many columns as fit, in steps that keep VF 0, 8, 16… beneath each other.
function useColumns() {
  const place = useRef(null);
  const [columns, setColumns] = useState(16);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => {
      const room = Math.floor((entry.contentRect.width + PITCH - CELL) / PITCH / COLUMNS.step) * COLUMNS.step;
      setColumns(Math.max(COLUMNS.least, Math.min(COLUMNS.most, room)));
    });
    observer.observe(place.current);
    return () => observer.disconnect();
  }, []);
  return [place, columns];
}

function Tip({ pf, cell, usage, column, columns, row }) {
  const user = cell.vf && userOf(pf, cell.vf, usage);
  const isRight = column >= columns / 2;
  const place = {
    top: `${(row + 1) * PITCH + 4}px`,
    [isRight ? "right" : "left"]: `${(isRight ? columns - 1 - column : column) * PITCH}px`,
  };
  return html`<div class="tip" aria-hidden="true" style=${place}>
    <b>VF ${cell.index}</b> ${t(`vf.state.${cell.state}`)}
    ${cell.vf?.address && html`<br /><code>${cell.vf.address}</code>`}
    ${user && html`<br />${user}`}
  </div>`;
}
