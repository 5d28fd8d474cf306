// Signs of 20 x 20, drawn with lines of 1.5.
import { html } from "../core/dom.js";

const PATHS = {
  overview: "M3.5 4.5h5v5h-5zM11.5 4.5h5v3h-5zM11.5 10.5h5v5h-5zM3.5 12.5h5v3h-5z",
  topology: "M3 7.5h4v5H3zM13 3.5h4v4h-4zM13 12.5h4v4h-4zM7 10h3M13 5.5h-3v9h3",
  doctor: "M3 10.5h3l2-5 3.5 9 2-4H17",
  change: "M4 16l.8-3.4L13 4.4a1.4 1.4 0 0 1 2 0l.6.6a1.4 1.4 0 0 1 0 2L7.4 15.2 4 16zM11.5 6l2.5 2.5",
  guests: "M3.5 4.5h13v8.5h-13zM7.5 16.5h5M10 13v3.5",
  pools: "M10 3.5l6.5 3.2L10 10 3.5 6.7zM3.5 10L10 13.3 16.5 10M3.5 13.3L10 16.5l6.5-3.2",
  history: "M4 10a6 6 0 1 0 2-4.5L4 7.2M4 3.8v3.4h3.4M10 6.8V10l2.4 1.6",
  events: "M4.5 5h.01M4.5 10h.01M4.5 15h.01M8 5h8M8 10h8M8 15h5",
  more: "M4.5 10h.01M10 10h.01M15.5 10h.01",
  close: "M5 5l10 10M15 5L5 15",
  copy: "M7.5 7.5h8v8h-8zM12.5 7.5v-3h-8v8h3",
  check: "M4.5 10.5l3.5 3.5 7.5-8",
  sun: "M10 6.8a3.2 3.2 0 1 0 0 6.4 3.2 3.2 0 0 0 0-6.4zM10 2.5v1.6M10 15.9v1.6M2.5 10h1.6M15.9 10h1.6M4.7 4.7l1.1 1.1M14.2 14.2l1.1 1.1M15.3 4.7l-1.1 1.1M5.8 14.2l-1.1 1.1",
  moon: "M15.8 12.2A6.5 6.5 0 0 1 7.8 4.2a6.5 6.5 0 1 0 8 8z",
  auto: "M10 3.5a6.5 6.5 0 1 0 0 13zM10 3.5a6.5 6.5 0 0 1 0 13",
  plus: "M10 4.5v11M4.5 10h11",
  minus: "M4.5 10h11",
  fit: "M4 8V4h4M12 4h4v4M16 12v4h-4M8 16H4v-4",
  good: "M10 3.2a6.8 6.8 0 1 0 0 13.6 6.8 6.8 0 0 0 0-13.6zM7 10.3l2.1 2.1L13.2 8",
  warn: "M10 3.5l7 12.5H3zM10 8.2v3.6M10 13.9h.01",
  bad: "M7.1 3.2h5.8l3.9 3.9v5.8l-3.9 3.9H7.1l-3.9-3.9V7.1zM10 6.6v4.2M10 13.3h.01",
  info: "M10 3.2a6.8 6.8 0 1 0 0 13.6 6.8 6.8 0 0 0 0-13.6zM10 9.4v4M10 6.7h.01",
  up: "M10 15.5v-11M5.5 9L10 4.5 14.5 9",
  down: "M10 4.5v11M5.5 11l4.5 4.5 4.5-4.5",
  right: "M7.5 4.5L13 10l-5.5 5.5",
  search: "M8.8 4a4.8 4.8 0 1 0 0 9.6 4.8 4.8 0 0 0 0-9.6zM12.4 12.4L16 16",
};

/** A sign; with a label it speaks, without it is decoration. */
export function Icon({ name, label }) {
  return html`<svg class="icon" viewBox="0 0 20 20" role=${label ? "img" : undefined}
    aria-label=${label} aria-hidden=${label ? undefined : "true"} focusable="false">
    <path d=${PATHS[name]} />
  </svg>`;
}

/** The project's mark. */
export function Mark() {
  return html`<svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <rect class="mark-ground" x="2" y="2" width="28" height="28" rx="7" />
    <path class="mark-cells" d="M8 9.5A1.5 1.5 0 0 1 9.5 8h3A1.5 1.5 0 0 1 14 9.5v3a1.5 1.5 0 0 1-1.5 1.5h-3A1.5 1.5 0 0 1 8 12.5zM18 19.5a1.5 1.5 0 0 1 1.5-1.5h3a1.5 1.5 0 0 1 1.5 1.5v3a1.5 1.5 0 0 1-1.5 1.5h-3a1.5 1.5 0 0 1-1.5-1.5z" />
    <path class="mark-others" d="M18 9.5A1.5 1.5 0 0 1 19.5 8h3A1.5 1.5 0 0 1 24 9.5v3a1.5 1.5 0 0 1-1.5 1.5h-3a1.5 1.5 0 0 1-1.5-1.5zM8 19.5A1.5 1.5 0 0 1 9.5 18h3a1.5 1.5 0 0 1 1.5 1.5v3a1.5 1.5 0 0 1-1.5 1.5h-3A1.5 1.5 0 0 1 8 22.5z" />
  </svg>`;
}
