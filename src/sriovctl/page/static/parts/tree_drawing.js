// The drawing of `sriovctl tree`, as part of the page: to be zoomed, pointed at and chosen from.
import { html, useEffect, useLayoutEffect, useRef } from "../core/dom.js";
import { t, useLanguage } from "../core/texts.js";
import { makeZoom } from "../core/zoom.js";
import { Icon } from "./icons.js";
import { TreeTip } from "./tree_tip.js";

/**
 * @param {{svg: string, index: any, chosen: Set<string>|null, selected: string|null, pointed: any,
 *   onSelect: (address: string|null) => void, onPoint: (pointed: any) => void}} props
 */
export function TreeDrawing({ svg, index, chosen, selected, pointed, onSelect, onPoint }) {
  const window_ = useRef(null);
  const drawing = useRef(null);
  const zoom = useRef(null);
  useLayoutEffect(() => {
    zoom.current = makeZoom(window_.current, drawing.current);
    return () => zoom.current.stop();
  }, []);
  useLayoutEffect(() => {
    drawing.current.replaceChildren(parse(svg));
    zoom.current.redraw();
  }, [svg]);
  useMarks(drawing, { svg, index, chosen, selected, group: pointed?.place.group ?? null });
  useEffect(() => {
    const element = selected && elementOf(drawing.current, selected);
    if (element) zoom.current.show(element.getBoundingClientRect());
  }, [selected, Boolean(index)]);
  const handlers = handlersOf({ index, onSelect, onPoint, window_, zoom });
  return html`<div class="tree-place">
    <div class="tree-window" ref=${window_} tabindex="0" role="group" aria-label=${t("topology.drawing")} aria-describedby="tree-keys" ...${handlers}>
      <div class="tree-drawing" ref=${drawing}></div>
    </div>
    <p class="unseen" id="tree-keys">${t("topology.keys")}</p>
    <${Buttons} zoom=${zoom} />
    ${pointed && pointed.place.address !== selected && html`<${TreeTip} index=${index} pointed=${pointed} />`}
  </div>`;
}

function Buttons({ zoom }) {
  useLanguage();
  return html`<div class="tree-buttons" role="group" aria-label=${t("topology.zoom")}>
    <${Button} name="plus" label=${t("topology.zoom_in")} act=${() => zoom.current.zoomBy(1.25)} />
    <${Button} name="minus" label=${t("topology.zoom_out")} act=${() => zoom.current.zoomBy(0.8)} />
    <${Button} name="fit" label=${t("topology.fit")} act=${() => zoom.current.fit()} />
  </div>`;
}

function Button({ name, label, act }) {
  return html`<button type="button" class="icon-button" aria-label=${label} title=${label} onClick=${act}><${Icon} name=${name} /></button>`;
}

// The page has the colours, and no markup brings a style or a script of its own.
function parse(svg) {
  const parsed = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
  const root = document.importNode(parsed, true);
  for (const element of root.querySelectorAll("style, script, foreignObject")) element.remove();
  for (const element of root.querySelectorAll("[data-address], [data-group]")) prepare(element);
  return movable(root);
}

// All in one group, which the zoom moves: its attribute is no style, and text stays sharp.
function movable(root) {
  const moved = document.createElementNS(root.namespaceURI, "g");
  moved.append(...root.childNodes);
  moved.dataset.width = root.getAttribute("width");
  moved.dataset.height = root.getAttribute("height");
  for (const name of ["style", "viewBox", "width", "height", "aria-label"]) root.removeAttribute(name);
  root.setAttribute("role", "group");
  root.setAttribute("lang", "en"); // the words are those of the command
  root.append(moved);
  return root;
}

// A title would be shown over our own words.  What is written is the name, the title says the rest.
function prepare(element) {
  const title = element.querySelector(":scope > title");
  title?.remove();
  const isNamed = element.dataset.vf === undefined && element.querySelector("text") !== null;
  if (title) element.setAttribute(isNamed ? "aria-description" : "aria-label", title.textContent);
  if (!element.dataset.address) {
    element.setAttribute("role", "img");
    return;
  }
  element.setAttribute("role", "button");
  element.setAttribute("tabindex", element.dataset.vf === undefined ? "0" : "-1");
}

function elementOf(drawing, address) {
  return drawing.querySelector(`[data-address="${CSS.escape(address)}"]`);
}

// Classes on what is there already: nothing is drawn anew for a hover or a filter.
function useMarks(drawing, { svg, index, chosen, selected, group }) {
  useLayoutEffect(() => {
    const isFiltered = chosen !== null && chosen !== undefined;
    drawing.current.classList.toggle("is-filtered", isFiltered);
    for (const element of drawing.current.querySelectorAll("[data-address]")) {
      const address = element.dataset.address;
      element.classList.toggle("is-chosen", isFiltered && chosen.has(address));
      element.classList.toggle("is-selected", address === selected);
    }
  }, [svg, chosen, selected]);
  useLayoutEffect(() => {
    const members = group === null || group === undefined ? [] : (index?.byGroup.get(group) ?? []);
    if (members.length < 2) return undefined;
    const elements = members.map((one) => elementOf(drawing.current, one.address)).filter(Boolean);
    for (const element of elements) element.classList.add("is-lit");
    return () => {
      for (const element of elements) element.classList.remove("is-lit");
    };
  }, [svg, group, index]);
}

function handlersOf({ index, onSelect, onPoint, window_, zoom }) {
  const placeOf = (target) => {
    const element = target.closest?.("[data-address], [data-group]");
    const place = element && (index?.places.get(element.dataset.address) ?? ofGroup(index, element.dataset.group));
    return place ? { place, element } : null;
  };
  const point = (event) => {
    if (event.buttons) return;
    const found = placeOf(event.target);
    if (!found) {
      onPoint(null);
      return;
    }
    const frame = window_.current.getBoundingClientRect();
    const box = found.element.getBoundingClientRect();
    const isFocus = event.type === "focusin";
    onPoint({
      place: found.place,
      isGroup: !found.element.dataset.address,
      x: (isFocus ? box.left : event.clientX) - frame.left,
      y: (isFocus ? box.bottom : event.clientY) - frame.top,
      width: frame.width,
      height: frame.height,
    });
  };
  return {
    onPointerOver: point,
    onPointerLeave: () => onPoint(null),
    onFocusIn: (event) => {
      if (event.target === window_.current) return;
      if (event.target.matches(":focus-visible")) zoom.current.show(event.target.getBoundingClientRect());
      point(event);
    },
    onFocusOut: () => onPoint(null),
    onClick: (event) => {
      const found = placeOf(event.target);
      if (found) onSelect(found.place.address);
    },
    onKeyDown: (event) => onKey(event, placeOf, onSelect),
  };
}

function ofGroup(index, group) {
  return group === undefined ? null : index?.byGroup.get(Number(group))?.[0];
}

// Enter chooses; the arrows go through the VFs of a PF, since each as a stop would be too many.
function onKey(event, placeOf, onSelect) {
  const element = event.target.closest("[data-address]");
  if (!element) return;
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    onSelect(placeOf(element).place.address);
    return;
  }
  const way = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!way) return;
  const all = [...element.ownerSVGElement.querySelectorAll("[data-address]")];
  const next = all[all.indexOf(element) + way];
  event.preventDefault();
  next?.focus();
}
