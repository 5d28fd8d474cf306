// Panning and zooming of a drawing within a window: by wheel, fingers, keys and buttons.

const LEAST = 0.1;
const MOST = 6;
const STEP = 1.25;
const PAN_PX = 60;
const READABLE = 0.8;
const LEAST_READABLE = 0.55;
const LARGEST_FIT = 1.25;
const LEAST_HEIGHT_PX = 380;

/**
 * @param {HTMLElement} window_ what one looks through
 * @param {HTMLElement} drawing holds an svg, whose one group is moved, of the size in its data
 * @returns {{zoomBy: (factor: number) => void, fit: () => void, redraw: () => void, show: (box: DOMRect) => void, stop: () => void}}
 */
export function makeZoom(window_, drawing) {
  const state = { x: 0, y: 0, scale: 1 };
  const fingers = new Map();
  let isTouched = false; // by somebody, so that nothing else moves it

  function put(x, y, scale) {
    Object.assign(state, { x, y, scale });
    drawing.querySelector("g")?.setAttribute("transform", `translate(${x} ${y}) scale(${scale})`);
  }

  function zoomAt(x, y, factor) {
    const scale = Math.min(MOST, Math.max(LEAST, state.scale * factor));
    const real = scale / state.scale;
    isTouched = true;
    put(x - (x - state.x) * real, y - (y - state.y) * real, scale);
  }

  function panBy(x, y) {
    isTouched = true;
    put(state.x + x, state.y + y, state.scale);
  }

  function middle() {
    return [window_.clientWidth / 2, window_.clientHeight / 2];
  }

  function fit() {
    const { width, height } = sizeOf(drawing);
    if (!width) return;
    // A small host needs no tall window.
    const most = height * Math.min(LARGEST_FIT, window_.clientWidth / width);
    window_.parentElement.style.maxHeight = `${Math.max(LEAST_HEIGHT_PX, Math.ceil(most))}px`;
    const scale = Math.min(LARGEST_FIT, window_.clientWidth / width, window_.clientHeight / height);
    // Where the whole would be too small to read, as much as can be, from the top left.
    const readable = Math.max(scale, Math.min(READABLE, Math.max(LEAST_READABLE, window_.clientWidth / width)));
    put(Math.max(0, (window_.clientWidth - width * readable) / 2), 0, readable);
    isTouched = false;
  }

  function inWindow(event) {
    const box = window_.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  const handlers = {
    wheel(event) {
      event.preventDefault();
      if (event.shiftKey) panBy(-event.deltaX || -event.deltaY, 0);
      else zoomAt(...inWindow(event), Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)));
    },
    pointerdown(event) {
      if (event.button === 0) fingers.set(event.pointerId, inWindow(event));
    },
    pointermove(event) {
      if (!fingers.has(event.pointerId)) return;
      const from = fingers.get(event.pointerId);
      const to = inWindow(event);
      if (fingers.size === 2) pinch(event.pointerId, from, to);
      else if (isDragged(event, from, to)) panBy(to[0] - from[0], to[1] - from[1]);
      else return;
      fingers.set(event.pointerId, to);
    },
    pointerup: lift,
    pointercancel: lift,
    keydown(event) {
      const act = KEYS[event.key];
      if (!act || event.ctrlKey || event.metaKey || event.altKey || event.target !== window_) return;
      event.preventDefault();
      act();
    },
  };

  const KEYS = {
    "+": () => zoomAt(...middle(), STEP),
    "=": () => zoomAt(...middle(), STEP),
    "-": () => zoomAt(...middle(), 1 / STEP),
    0: fit,
    ArrowLeft: () => panBy(PAN_PX, 0),
    ArrowRight: () => panBy(-PAN_PX, 0),
    ArrowUp: () => panBy(0, PAN_PX),
    ArrowDown: () => panBy(0, -PAN_PX),
  };

  function isDragged(event, from, to) {
    if (window_.hasPointerCapture(event.pointerId)) return true;
    if (Math.hypot(to[0] - from[0], to[1] - from[1]) < 4) return false;
    window_.setPointerCapture(event.pointerId);
    return true;
  }

  function pinch(id, from, to) {
    const other = [...fingers].find(([one]) => one !== id)[1];
    const [before, after] = [from, to].map((one) => Math.hypot(one[0] - other[0], one[1] - other[1]));
    if (before > 0) zoomAt((to[0] + other[0]) / 2, (to[1] + other[1]) / 2, after / before);
    panBy((to[0] - from[0]) / 2, (to[1] - from[1]) / 2);
  }

  function lift(event) {
    fingers.delete(event.pointerId);
  }

  // Bring a part of the drawing into sight, if it is not.
  function show(box) {
    const frame = window_.getBoundingClientRect();
    const x = outside(box.left, box.right, frame.left, frame.right);
    const y = outside(box.top, box.bottom, frame.top, frame.bottom);
    if (x || y) panBy(-x, -y);
  }

  for (const [name, handler] of Object.entries(handlers)) {
    window_.addEventListener(name, handler, { passive: name !== "wheel" && name !== "keydown" });
  }
  const observer = new ResizeObserver(() => isTouched || fit());
  observer.observe(window_);
  return {
    zoomBy: (factor) => zoomAt(...middle(), factor),
    fit,
    // What was drawn anew stays where it was, once somebody has moved it.
    redraw: () => (isTouched ? put(state.x, state.y, state.scale) : fit()),
    show,
    stop() {
      for (const [name, handler] of Object.entries(handlers)) window_.removeEventListener(name, handler);
      observer.disconnect();
    },
  };
}

function sizeOf(drawing) {
  const { width = 0, height = 0 } = drawing.querySelector("g")?.dataset ?? {};
  return { width: Number(width), height: Number(height) };
}

// How far a stretch lies beyond a frame; 0 within.
function outside(first, last, from, to, margin = 24) {
  if (first < from + margin) return first - from - margin;
  return last > to - margin ? Math.min(last - to + margin, first - from - margin) : 0;
}
