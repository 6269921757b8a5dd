// Fills in the pictures of the last day, with one request for all rows of the page, and again every minute.

const EVERY_MS = 60_000;

async function fillLastDay(waiting) {
  const source = document.querySelector("[data-last-day]");
  if (!source || !waiting.length || document.visibilityState === "hidden") return;
  const asked = new URLSearchParams();
  for (const place of waiting) asked.append(place.dataset.camera ? "camera" : "site", idOf(place));
  const answer = await fetch(`${source.dataset.lastDay}?${asked}`).catch(() => null);
  if (!answer?.ok) return;
  const received = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const template of received.querySelectorAll("template[data-day]")) {
    for (const place of waiting.filter((candidate) => idOf(candidate) === template.dataset.day)) {
      place.replaceChildren(template.content.cloneNode(true));
    }
  }
}

const idOf = ({ dataset }) => dataset.camera ?? dataset.site;
const places = (selector) => [...document.querySelectorAll(selector)];

fillLastDay(places(".cp-spark-place"));
setInterval(() => fillLastDay(places(".cp-spark-place")), EVERY_MS);
document.addEventListener("cp:refreshed", () => fillLastDay(places(".cp-spark-place:empty")));
