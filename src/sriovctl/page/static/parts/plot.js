// Rates over time, by uPlot, which is loaded when a plot is first shown.
import { html, useEffect, useRef, useState } from "../core/dom.js";
import { isDark } from "../core/preferences.js";
import { useStore } from "../core/store.js";
import { loadSheet } from "../core/styles.js";
import { language } from "../core/texts.js";

const HEIGHT_PX = 200;
const LEAST_S = 60; // what is shown even before there is so much to show

let loading = null;

function load() {
  const style = new URL("../vendor/uplot.css", import.meta.url).href;
  loading ??= Promise.all([import("../vendor/uplot.js"), loadSheet(style)]).then(([module]) => module.default);
  return loading;
}

/**
 * Lines over time.
 * @param {{label: string, times: number[], lines: {label: string, colour: string, values: (number|null)[]}[],
 *   format: (value: number) => string}} props colour: a custom property's name
 */
export function Plot({ label, times, lines, format }) {
  const place = useRef(null);
  const plot = useRef(null);
  const [Library, setLibrary] = useState(null);
  const dark = useStore(isDark);
  useEffect(() => {
    let isWanted = true;
    load().then((found) => isWanted && setLibrary(() => found), () => {});
    return () => {
      isWanted = false;
    };
  }, []);
  useEffect(() => {
    if (!Library) return undefined;
    const width = place.current.clientWidth;
    plot.current = new Library(optionsOf({ lines, format, width }), dataOf(times, lines), place.current);
    const observer = new ResizeObserver(([entry]) => plot.current.setSize({ width: entry.contentRect.width, height: HEIGHT_PX }));
    observer.observe(place.current);
    return () => {
      observer.disconnect();
      plot.current.destroy();
      plot.current = null;
    };
  }, [Library, dark, language.get(), format]);
  useEffect(() => {
    plot.current?.setData(dataOf(times, lines));
  });
  return html`<figure class="plot" aria-label=${label}>
    <div class="plot-place" ref=${place} role="img" aria-label=${label}></div>
  </figure>`;
}

function dataOf(times, lines) {
  return [times.slice(), ...lines.map((one) => one.values.slice())];
}

function optionsOf({ lines, format, width }) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const font = `12px ${colour("--sans")}`;
  const axis = { stroke: colour("--soft"), font, ticks: { show: false }, grid: { stroke: colour("--line"), width: 1 } };
  return {
    width,
    height: HEIGHT_PX,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
    scales: { x: { time: true, range: (_, first, last) => [Math.min(first, last - LEAST_S), last] }, y: { range: (_, __, top) => [0, Math.max(top * 1.15, 10)] } },
    axes: [
      { ...axis, grid: { show: false }, values: (_, splits) => splits.map(timeOf), space: 90, size: 28 },
      { ...axis, values: (_, splits) => splits.map((one) => (one === 0 ? "0" : format(one))), size: 78, space: 36 },
    ],
    series: [{}, ...lines.map((one) => ({ label: one.label, stroke: colour(one.colour), width: 1.5, points: { show: false } }))],
  };
}

function timeOf(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString(language.get(), { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
}
