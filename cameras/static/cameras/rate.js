// Samples a second on the first page, from what had been accepted at two moments up to a minute apart.

const OVER_SECONDS = 60;
const measured = JSON.parse(sessionStorage.getItem("cp-rate") ?? "[]");

function showRate(seconds) {
  const tile = document.querySelector("[data-accepted]");
  if (!tile) return;
  const now = { at: seconds, accepted: Number(tile.dataset.accepted) };
  if (measured.at(-1)?.at !== now.at) measured.push(now);
  while (measured[0].at < now.at - OVER_SECONDS) measured.shift();
  sessionStorage.setItem("cp-rate", JSON.stringify(measured)); // for when the person comes back to this page
  const passed = now.at - measured[0].at;
  if (!passed) return;
  const rate = Math.max(0, (now.accepted - measured[0].accepted) / passed);
  tile.querySelector("[data-rate]").textContent = new Intl.NumberFormat(document.documentElement.lang, {
    maximumFractionDigits: rate < 10 ? 1 : 0,
  }).format(rate);
}

const said = document.querySelector("[data-at-seconds]");
if (said) showRate(Number(said.dataset.atSeconds));
document.addEventListener("cp:refreshed", ({ detail }) => showRate(detail.seconds));
