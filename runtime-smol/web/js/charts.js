// Charts, drawn by hand. Each is an image with a sentence for those who do not see it; the numbers are in tables beside it.
import { svg } from "./dom.js";
import { number } from "./i18n.js";

const WIDTH = 480;
const HEIGHT = 200;
const LEFT = 34;
const BOTTOM = 26;
const TOP = 10;

/** @typedef {{name: string, values: number[]}} Series `name` is its class */

/**
 * Bars of stacked values.
 * @param {string[]} labels below the bars; empty ones are left out
 * @param {Series[]} series from the bottom up
 * @param {string[]} titles shown when the pointer rests on a bar
 * @param {string} sentence
 */
export function bars(labels, series, titles, sentence) {
  const totals = labels.map((_, nth) => series.reduce((sum, one) => sum + (one.values[nth] ?? 0), 0));
  const step = nice(Math.max(1, ...totals) / 4);
  const top = step * Math.ceil(Math.max(1, ...totals) / step);
  const height = HEIGHT - BOTTOM - TOP;
  const y = (/** @type {number} */ value) => TOP + height - value / top * height;
  const slot = (WIDTH - LEFT - 4) / Math.max(1, labels.length);
  const width = Math.min(44, slot * 0.68);
  const rtl = document.documentElement.dir === "rtl";
  // The style sheet keeps texts of charts left to right ("≤ 1"), so an anchor at the outer side is "start" when mirrored.
  const mirror = (/** @type {number} */ x, /** @type {number} */ w) => (rtl ? WIDTH - x - w : x);
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart", role: "img", "aria-label": sentence });
  for (let value = 0; value <= top; value += step) {
    drawing.append(svg("line", { class: value ? "grid" : "axis", x1: mirror(LEFT, 0), x2: mirror(WIDTH, 0), y1: y(value), y2: y(value) }),
      svg("text", { class: "tick", x: mirror(LEFT - 7, 0), y: y(value) + 4, "text-anchor": rtl ? "start" : "end" }, number(value)));
  }
  const every = Math.ceil(labels.length / 8);
  labels.forEach((label, nth) => {
    const x = LEFT + nth * slot + (slot - width) / 2;
    const group = svg("g", {}, svg("title", {}, titles[nth] ?? ""));
    // The whole column answers to the pointer.
    group.append(svg("rect", { class: "reach", x: mirror(x, width), y: TOP, width, height }));
    let from = 0;
    const present = series.filter((one) => (one.values[nth] ?? 0) > 0);
    for (const one of present) {
      const value = one.values[nth] ?? 0;
      group.append(svg("rect", { class: "bar " + one.name, x: mirror(x, width), y: y(from + value), width, height: Math.max(1, y(from) - y(from + value) - 1), rx: 2 }));
      from += value;
    }
    if (label && nth % every === 0) group.append(svg("text", { class: "tick", x: mirror(x + width / 2, 0), y: HEIGHT - 8, "text-anchor": "middle" }, label));
    drawing.append(group);
  });
  return drawing;
}

/**
 * The next of 1, 2, 5, 10, 20, ...
 * @param {number} value
 */
function nice(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= value) ?? power * 10;
}
