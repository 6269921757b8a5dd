// Keeps the parts of a page up to date that name in `data-refresh` the address to ask for what they hold.
//
// What is on the page stays where it is: only texts, attributes and elements that differ are changed, so that focus,
// scroll, open menus and selected text survive. Elements with the same `data-key` are the same. What a person fills in
// is never touched, nor what is `data-keep`, and while rows are ticked a list neither gains nor loses any.
//
// They are asked for soon after an event of a kind that `data-refresh-on` names (of the camera or the site in
// `data-refresh-camera`, `data-refresh-site`), and from time to time, more often where there is no stream. After each
// answer the document hears of it by `cp:refreshed`; `[data-refresh-state]` says how old the page is.

import { concerns } from "./event_stream.js";
import { Pace } from "./pace.js";
import { listen } from "./stream.js";

const parts = [...document.querySelectorAll("[data-refresh]")];
const said = document.querySelector("[data-refresh-state]");
const FILLED_IN = "input:not([type=hidden]), select, textarea, [data-keep]";

const keyOf = (node) => node.dataset?.key ?? "";
// White space between elements is as the first page has it: a parser drops some of it.
const isBlank = (node) => node.nodeType === Node.TEXT_NODE && !node.data.trim();
const solid = (node) => (node && isBlank(node) ? solid(node.nextSibling) : node);
const isSame = (one, other) => one.nodeName === other.nodeName && keyOf(one) === keyOf(other);

// Makes the children of one element those of another.
export function become(present, received) {
  const keyed = new Map([...present.children].filter(keyOf).map((child) => [keyOf(child), child]));
  if (present.nodeName === "TBODY" && present.querySelector(":checked")) {
    for (const row of received.children) if (keyed.has(keyOf(row))) changeInto(keyed.get(keyOf(row)), row);
    return;
  }
  let at = solid(present.firstChild);
  for (const wanted of [...received.childNodes].filter((node) => !isBlank(node))) {
    const found = keyOf(wanted) ? keyed.get(keyOf(wanted)) : at;
    if (!found || !isSame(found, wanted)) {
      present.insertBefore(wanted, at);
      continue;
    }
    if (found === at) at = solid(at.nextSibling);
    else present.insertBefore(found, at);
    changeInto(found, wanted);
  }
  while (at) {
    const next = solid(at.nextSibling);
    at.remove();
    at = next;
  }
}

function changeInto(present, received) {
  if (!(present instanceof Element)) {
    if (present.data !== received.data) present.data = received.data;
    return;
  }
  if (present.matches(FILLED_IN)) return;
  for (const name of present.getAttributeNames()) {
    if (!received.hasAttribute(name) && name !== "open") present.removeAttribute(name);
  }
  for (const { name, value } of received.attributes) {
    if (present.getAttribute(name) !== value) present.setAttribute(name, value);
  }
  become(present, received);
}

function announce(state) {
  if (said) said.textContent = said.dataset[`${state}Text`].replace("{at}", said.dataset.at);
}

// Asks for one part and puts it in. Returns what came of it: live, signedOut, gone or away.
export async function refreshPart(part) {
  const headers = { "X-Refresh": "1" };
  if (part.dataset.etag) headers["If-None-Match"] = part.dataset.etag;
  const answer = await fetch(part.dataset.refresh, { cache: "no-store", headers }).catch(() => null);
  if (answer?.redirected) return "signedOut";
  if ([403, 404].includes(answer?.status)) return "gone";
  // What stands between, such as a portal of a network, may answer with a page of its own.
  if (!(answer?.ok || answer?.status === 304) || !answer.headers.has("X-As-Of")) return "away";
  if (answer.status !== 304) {
    const html = await answer.text().catch(() => null);
    if (html === null) return "away";
    become(part, new DOMParser().parseFromString(html, "text/html").body);
    part.dataset.etag = answer.headers.get("ETag");
  }
  if (said) said.dataset.at = answer.headers.get("X-As-Of");
  const detail = { part, seconds: Number(answer.headers.get("X-As-Of-Seconds")) };
  document.dispatchEvent(new CustomEvent("cp:refreshed", { detail }));
  return "live";
}

// --- When ------------------------------------------------------------------------------------------------------

const pace = new Pace(performance.now(), Number(said?.dataset.everyMs) || undefined);
let timer = null;
let isAsking = false;
let watch = () => {};

const isHidden = () => document.visibilityState === "hidden";

function takeNews({ isLive, events = [] }) {
  pace.isStreaming = isLive ?? pace.isStreaming;
  said.toggleAttribute("data-streaming", pace.isStreaming);
  pace.hasNews ||= events.some((event) => parts.some((part) => concerns(event, part.dataset)));
  schedule();
}

function schedule() {
  clearTimeout(timer);
  if (!isAsking && !isHidden()) timer = setTimeout(refresh, pace.wait(performance.now()));
}

async function refresh() {
  isAsking = true;
  pace.asks();
  const began = performance.now();
  const states = await Promise.all(parts.map((part) => refreshPart(part)));
  const ended = performance.now();
  isAsking = false;
  pace.answered(ended, ended - began);
  const state = states.find((each) => each !== "live") ?? "live";
  watch(!isHidden() && state !== "signedOut");
  if (!isHidden()) announce(state);
  schedule();
}

function streamOf({ events, list, worker }) {
  return { urls: { events, list }, worker, person: document.querySelector("[data-person]").dataset.person };
}

function lookedAt() {
  watch(!isHidden());
  if (isHidden()) {
    clearTimeout(timer);
    announce("paused");
  } else if (!isAsking) refresh();
}

if (parts.length) {
  announce("live");
  if (parts.some((part) => part.dataset.refreshOn)) watch = listen(streamOf(said.dataset), takeNews);
  watch(!isHidden());
  schedule();
  document.addEventListener("visibilitychange", lookedAt);
  // A page that is left may be kept, and shown again.
  addEventListener("pagehide", () => watch(false));
  addEventListener("pageshow", () => watch(!isHidden()));
}
