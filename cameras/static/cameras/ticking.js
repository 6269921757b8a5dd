// Ages that go on with the clock, and the clocks of places. Both go by the browser's own clock alone where it says how
// long ago something was: what the server said of the age counts, not what time it is here.

const EVERY_MS = 1_000;
const UNITS = [
  ["week", 604800],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];
const language = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang;
const relative = new Intl.RelativeTimeFormat(language, { numeric: "always" });
const seen = new WeakMap(); // by element its age as the server said it, and since when the page shows that

function ageIn(seconds, words) {
  const [unit, length] = UNITS.find(([, each]) => seconds >= each) ?? [];
  if (!unit) return words.replace("{count}", Math.floor(seconds));
  return relative.format(-Math.floor(seconds / length), unit);
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function tick() {
  for (const element of document.querySelectorAll("[data-age]")) {
    const { age } = element.dataset;
    if (seen.get(element)?.age !== age) seen.set(element, { age, since: performance.now() });
    const seconds = Number(age) + (performance.now() - seen.get(element).since) / 1000;
    put(element, ageIn(Math.max(0, seconds), element.dataset.secondsAgo));
  }
  for (const element of document.querySelectorAll("[data-clock]")) {
    const options = { weekday: "long", hour: "2-digit", minute: "2-digit", timeZone: element.dataset.clock };
    put(element, new Intl.DateTimeFormat(language, options).format(new Date()));
  }
}

tick();
setInterval(tick, EVERY_MS);
