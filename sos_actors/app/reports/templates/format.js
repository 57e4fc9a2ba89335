
"use strict";
/* Formatting and element helpers. Texts of the document only ever become text nodes. */
const MINUS = "\u2212";
const IST_S = 19800;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function grouped(digits) {
  const tail = digits.slice(-3);
  const head = digits.slice(0, -3).replace(/\B(?=(\d\d)+$)/g, ",");
  return head ? head + "," + tail : tail;
}

/** Whole paise as 1,23,456.78; null is unknown. */
function inr(paise, plus) {
  if (paise === null || paise === undefined) return "n/a";
  const size = Math.abs(paise);
  const sign = paise < 0 ? MINUS : plus && paise > 0 ? "+" : "";
  return sign + grouped(String(Math.floor(size / 100))) + "." + String(size % 100).padStart(2, "0");
}

function count(number) {
  return number === null || number === undefined ? "n/a" : grouped(String(number));
}

function parts(seconds) {
  const ist = new Date((seconds + IST_S) * 1000);
  const two = (n) => String(n).padStart(2, "0");
  const clock = two(ist.getUTCHours()) + ":" + two(ist.getUTCMinutes());
  return { day: ist.getUTCDate() + " " + MONTHS[ist.getUTCMonth()], year: ist.getUTCFullYear(), clock, second: ist.getUTCSeconds() };
}

function dayKey(seconds) {
  return new Date((seconds + IST_S) * 1000).toISOString().slice(0, 10);
}

function dayName(key) {
  return Number(key.slice(8)) + " " + MONTHS[Number(key.slice(5, 7)) - 1] + " " + key.slice(0, 4);
}

function moment(seconds) {
  const at = parts(seconds);
  return at.day + " " + at.clock + (at.second ? ":" + String(at.second).padStart(2, "0") : "");
}

/** A canonical symbol without exchange and segment. */
function instrumentName(symbol) { return symbol.replace(/^NSE\|(FO|EQ|INDEX)\|/, ""); }

function words(name) { return name.replace(/_/g, " ").toLowerCase(); }

/** A new element: make("td", {class: "num"}, "text", child). */
function make(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function signed(paise) {
  const kind = paise > 0 ? "pos" : paise < 0 ? "neg" : "flat";
  return make("span", { class: kind }, inr(paise, true));
}

/** Columns as the document's page holds them: numbers, or texts with an index. */
class Columns {
  constructor(raw) {
    this.raw = raw;
    this.length = raw.id.length;
  }
  isText(key) { return !Array.isArray(this.raw[key]); }
  texts(key) { return this.raw[key].texts; }
  get(key, row) {
    const column = this.raw[key];
    return Array.isArray(column) ? column[row] : column.texts[column.index[row]];
  }
}
