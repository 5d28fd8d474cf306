import { html } from "../core/dom.js";
import { bitRate } from "../core/format.js";
import { ratesOf } from "../core/rates.js";
import { t } from "../core/texts.js";

const WIDTH = 120;
const HEIGHT = 28;

/**
 * What a PF or VF receives and sends, as two lines without axes, and the figures of now.
 * @param {{of: string}} props key of ratesOf()
 */
export function Sparkline({ of: key }) {
  const rates = ratesOf(key);
  const rx = bitsOf(rates?.rx_bytes);
  const tx = bitsOf(rates?.tx_bytes);
  const top = Math.max(1, ...rx.filter(isKnown), ...tx.filter(isKnown));
  return html`<div class="spark">
    <svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
      <path class="spark-rx" d=${lineOf(rx, top)} />
      <path class="spark-tx" d=${lineOf(tx, top)} />
    </svg>
    <dl>
      <div><dt class="is-rx">${t("word.rx")}</dt><dd>${now(rx)}</dd></div>
      <div><dt class="is-tx">${t("word.tx")}</dt><dd>${now(tx)}</dd></div>
    </dl>
  </div>`;
}

function now(values) {
  return values.at(-1) == null ? t("shell.none") : bitRate(values.at(-1));
}

const isKnown = (value) => value !== null;

function bitsOf(series) {
  return (series ?? []).map((value) => (value === null ? null : value * 8));
}

// The newest stands at the right edge, however few there are.
function lineOf(values, top) {
  const shown = values.slice(-60);
  const step = WIDTH / 59;
  let path = "";
  let isDown = false;
  shown.forEach((value, at) => {
    if (value === null) {
      isDown = false;
      return;
    }
    const x = WIDTH - (shown.length - 1 - at) * step;
    const y = HEIGHT - 1.5 - (value / top) * (HEIGHT - 3);
    const place = `${x.toFixed(1)} ${y.toFixed(1)}`;
    path += isDown ? `L${place}` : `M${place}h.01`; // one alone is a point
    isDown = true;
  });
  return path;
}
