import { classes, html, useState } from "../core/dom.js";
import { bitRate, rate } from "../core/format.js";
import { hasCounted, ratesOf, ratesProblem, useRates } from "../core/rates.js";
import { t } from "../core/texts.js";
import { Plot } from "./plot.js";

const UNITS = {
  bits: { rx: "rx_bytes", tx: "tx_bytes", factor: 8, format: bitRate },
  packets: { rx: "rx_packets", tx: "tx_packets", factor: 1, format: packetRate },
};

function packetRate(value) {
  return rate(value, t("rates.packets_unit"));
}

/**
 * What a PF or VF receives and sends, over the last five minutes.
 * @param {{of: string}} props key of ratesOf()
 */
export function RatesPanel({ of: key }) {
  useRates();
  const [unit, setUnit] = useState("bits");
  const rates = ratesOf(key);
  const chosen = UNITS[unit];
  const lines = ["rx", "tx"].map((way) => ({
    label: t(`word.${way}`),
    colour: `--${way}`,
    values: scaled(rates?.[chosen[way]], chosen.factor),
  }));
  const isCounted = lines.some((line) => line.values.some((value) => value !== null));
  return html`<section class="card rates" aria-label=${t("rates.title")}>
    <div class="section-head">
      <h2>${t("rates.title")}</h2>
      <dl class="rates-now">
        ${lines.map((line, at) => html`<div key=${line.label}>
          <dt class=${at ? "is-tx" : "is-rx"}>${line.label}</dt><dd>${nowOf(line, chosen.format)}</dd>
        </div>`)}
      </dl>
      <${Choice} unit=${unit} onChoose=${setUnit} />
    </div>
    ${isCounted
      ? html`<${Plot} label=${t("rates.title")} times=${rates.times} lines=${lines} format=${chosen.format} />`
      : html`<p class=${classes("hint", !isUncounted(rates) && "plot-waiting")}>${waitingWord(rates)}</p>`}
  </section>`;
}

function waitingWord(rates) {
  if (ratesProblem()) return t("rates.away");
  return isUncounted(rates) ? t("rates.none") : t("rates.waiting");
}

// Others have rates by now, and this one has none.
function isUncounted(rates) {
  return hasCounted() && !rates;
}

function nowOf(line, format) {
  const value = line.values.at(-1);
  return value == null ? t("shell.none") : format(value);
}

function scaled(values, factor) {
  return (values ?? []).map((value) => (value === null ? null : value * factor));
}

function Choice({ unit, onChoose }) {
  return html`<div class="segments" role="group" aria-label=${t("rates.unit")}>
    ${Object.keys(UNITS).map((one) => html`<button key=${one} type="button" aria-pressed=${one === unit} onClick=${() => onChoose(one)}>
      ${t(`rates.${one}`)}
    </button>`)}
  </div>`;
}
