// Keeps the first page up to date: asks for its fragment every few seconds, and puts in only the panels that differ.
//
// It rests while the page is hidden. A panel is replaced as a whole, except that the pictures of the last day stay for
// a minute, and the focus stays where it was.

const EVERY_MS = 5_000;
const PICTURES_MS = 60_000;
const RATE_OVER_SECONDS = 60;

const page = document.querySelector("[data-live]");
const said = document.querySelector("[data-live-said]");
const measured = JSON.parse(sessionStorage.getItem("cp-rate") ?? "[]");
let etag = null;
let picturesAt = Date.now();

const announce = (state) => {
  said.textContent = said.dataset[`${state}Text`].replace("{at}", page.dataset.at);
};

// Samples a second, from what had been accepted at two moments up to a minute apart.
function showRate() {
  const tile = page.querySelector("[data-rate]");
  if (!tile) return;
  const now = { at: Number(page.dataset.atSeconds), accepted: Number(tile.dataset.accepted) };
  if (measured.at(-1)?.at !== now.at) measured.push(now);
  while (measured[0].at < now.at - RATE_OVER_SECONDS) measured.shift();
  sessionStorage.setItem("cp-rate", JSON.stringify(measured)); // for when the person comes back to this page
  const seconds = now.at - measured[0].at;
  if (!seconds) return;
  const rate = Math.max(0, (now.accepted - measured[0].accepted) / seconds);
  tile.textContent = new Intl.NumberFormat(document.documentElement.lang, {
    maximumFractionDigits: rate < 10 ? 1 : 0,
  }).format(rate);
}

// The panel as the server sent it: without what scripts have put in.
const asSent = (panel) => {
  const copy = panel.cloneNode(true);
  for (const place of copy.querySelectorAll(".cp-spark-place")) place.replaceChildren();
  for (const tile of copy.querySelectorAll("[data-rate]")) tile.textContent = "–";
  return copy.outerHTML;
};

function keepPictures(from, to) {
  if (Date.now() - picturesAt > PICTURES_MS) {
    picturesAt = Date.now();
    return;
  }
  for (const place of from.querySelectorAll("[data-site]")) {
    to.querySelector(`[data-site="${place.dataset.site}"]`)?.replaceChildren(...place.childNodes);
  }
}

function replace(html) {
  const received = new DOMParser().parseFromString(html, "text/html").querySelector(".cp-fleet");
  const present = page.querySelector(".cp-fleet");
  if (!received) return;
  const names = (root) => [...root.querySelectorAll("[data-panel]")].map((panel) => panel.dataset.panel).join();
  const focused = document.activeElement?.closest("[data-panel]") && document.activeElement.getAttribute("href");
  if (names(received) !== names(present)) {
    keepPictures(present, received);
    present.replaceWith(received);
  } else {
    for (const panel of received.querySelectorAll("[data-panel]")) {
      const old = present.querySelector(`[data-panel="${panel.dataset.panel}"]`);
      if (asSent(old) === asSent(panel)) continue;
      keepPictures(old, panel);
      old.replaceWith(panel);
    }
  }
  if (focused && !document.activeElement?.closest("[data-panel]")) {
    page.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }
  document.dispatchEvent(new Event("cp:replaced"));
}

async function refresh() {
  if (document.visibilityState === "hidden") return announce("paused");
  try {
    const answer = await fetch(page.dataset.live, {
      cache: "no-store",
      headers: etag ? { "If-None-Match": etag } : {},
    });
    if (answer.status !== 304) {
      if (answer.redirected) return announce("signedOut");
      if (!answer.ok) throw new Error(answer.status);
      etag = answer.headers.get("ETag");
      replace(await answer.text());
    }
    page.dataset.at = answer.headers.get("X-As-Of");
    page.dataset.atSeconds = answer.headers.get("X-As-Of-Seconds");
    showRate();
    announce("live");
  } catch {
    announce("away");
  }
}

if (page) {
  showRate();
  announce("live");
  setInterval(refresh, EVERY_MS);
  document.addEventListener("visibilitychange", refresh);
}
