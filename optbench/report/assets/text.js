"use strict";
/* Text of results enters the page here, and only as text: no HTML is ever made out of it. */

// The page's policy asks here before any text becomes HTML. Vega empties elements with it: no more.
window.trustedTypes?.createPolicy("default", { createHTML: (text) => (text === "" ? "" : null) });

// The same characters as in visible.py: those that hide, reorder or command.
const ODD = new RegExp(
  "([\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u180e\\u200b\\u200e\\u200f" +
  "\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\p{Cs}\\u{e0000}-\\u{e007f}])", "u");

/** Appends a text; odd characters stand in a box, by name. */
function put(parent, text) {
  String(text).split(ODD).forEach((part, index) => {
    if (index % 2) parent.append(make("span", "odd", nameOf(part)));
    else if (part) parent.append(part);
  });
  return parent;
}

function nameOf(character) {
  const code = character.codePointAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return "\u2421";
  return "U+" + code.toString(16).toUpperCase().padStart(4, "0");
}

/** An element; `kind` is a class of ours, never a word from a result. */
function make(tag, kind, ...children) {
  const element = document.createElement(tag);
  if (kind) element.className = kind;
  element.append(...children);
  return element;
}

/** An element that holds a text of a result. */
function told(tag, kind, text) {
  return put(make(tag, kind), text ?? "");
}

function button(label, kind, action) {
  const element = make("button", kind, label);
  element.type = "button";
  element.addEventListener("click", action);
  return element;
}

/** A menu with a label; `values` are shown as they are and chosen by their place. */
function menu(label, values, action) {
  const select = make("select");
  values.forEach((value, index) => {
    const option = make("option");
    option.value = String(index);
    option.textContent = visible(value);
    select.append(option);
  });
  select.addEventListener("change", () => action(Number(select.value)));
  return make("label", "control", label + " ", select);
}

/** A text with odd characters named, for where no box can stand. */
function visible(text) {
  return String(text).split(ODD).map((part, i) => (i % 2 ? "[" + nameOf(part) + "]" : part)).join("");
}

const opened = new Map();

/** The value of a block; each is unpacked once, the last few are kept. */
async function unpack(number) {
  if (opened.has(number)) return opened.get(number);
  const packed = document.getElementById("block-" + Number(number)).textContent;
  const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const value = JSON.parse(await new Response(stream).text());
  if (opened.size > 8) opened.delete(opened.keys().next().value);
  opened.set(number, value);
  return value;
}

const decimals = (places) => new Intl.NumberFormat("en", {
  minimumFractionDigits: places, maximumFractionDigits: places });
const three = decimals(3);
const whole = decimals(0);
const WRITE = {
  int: (value) => whole.format(value),
  score: (value) => three.format(value),
  signed: (value) => (value < 0 ? "\u2212" : value > 0 ? "+" : "") + three.format(Math.abs(value)),
  p: (value) => (value < 0.001 ? "<0.001" : three.format(value)),
  usd: (value) => (value === 0 ? "0" : value < 0.01 ? value.toPrecision(2) : value.toFixed(2)),
  seconds: (value) => (value < 10 ? value.toFixed(1) : whole.format(value)),
};

/** A value as it is written in a table. */
function written(value, kind) {
  if (value === null || value === undefined) return "\u2013";
  if (typeof value === "number" && WRITE[kind]) return WRITE[kind](value);
  return typeof value === "boolean" ? (value ? "yes" : "no") : String(value);
}
