// Numbers, rates and times as people read them, in the language of the page.
import { language, t } from "./texts.js";

const formatters = new Map();

function formatter(kind, options) {
  const key = `${language.get()} ${kind} ${JSON.stringify(options)}`;
  if (!formatters.has(key)) formatters.set(key, new Intl[kind](language.get(), options));
  return formatters.get(key);
}

/** A whole number. */
export function count(value) {
  return value == null ? t("shell.unknown") : formatter("NumberFormat", {}).format(value);
}

function scaled(value, step, units) {
  let at = 0;
  let left = value;
  while (left >= step && at < units.length - 1) {
    left /= step;
    at += 1;
  }
  const digits = left < 10 && at > 0 ? 1 : 0;
  const number = formatter("NumberFormat", { maximumFractionDigits: digits }).format(left);
  return `${number} ${units[at]}`;
}

/** Bytes, in powers of 1024. */
export function bytes(value) {
  return value == null ? t("shell.unknown") : scaled(value, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]);
}

/** Bits in each second. */
export function bitRate(value) {
  return value == null ? t("shell.unknown") : scaled(value, 1000, ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"]);
}

/** Packets or the like in each second. */
export function rate(value, unit = "/s") {
  return value == null ? t("shell.unknown") : scaled(value, 1000, [unit, `k${unit}`, `M${unit}`, `G${unit}`]);
}

/** A configured rate; the kernel's 0 is no limit. */
export function rateLimit(mbps) {
  if (mbps == null) return t("shell.none");
  return mbps === 0 ? t("shell.unlimited") : bitRate(mbps * 1e6);
}

/** A moment, with the date if it is not today. */
export function moment(text) {
  if (!text) return t("shell.none");
  const when = new Date(text);
  const isToday = when.toDateString() === new Date().toDateString();
  const day = isToday ? { timeStyle: "medium" } : { dateStyle: "medium", timeStyle: "short" };
  const options = { ...day, hourCycle: "h23" };
  return formatter("DateTimeFormat", options).format(when);
}

const SPANS = [["day", 86_400], ["hour", 3600], ["minute", 60], ["second", 1]];

/** How long ago, or until when. */
export function ago(text, now = Date.now()) {
  const seconds = (new Date(text).getTime() - now) / 1000;
  const [unit, size] = SPANS.find(([, one]) => Math.abs(seconds) >= one) ?? SPANS.at(-1);
  const relative = formatter("RelativeTimeFormat", { numeric: "auto" });
  return relative.format(Math.trunc(seconds / size), unit);
}

/** A span of time as m:ss, or h:mm:ss. */
export function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const padded = (value) => String(value).padStart(2, "0");
  return hours ? `${hours}:${padded(minutes)}:${padded(whole % 60)}` : `${minutes}:${padded(whole % 60)}`;
}

/** Yes, no, or a dash for what nobody knows. */
export function yesNo(value) {
  if (value == null) return t("shell.none");
  return value ? t("shell.yes") : t("shell.no");
}
