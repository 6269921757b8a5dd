// When a page asks again for what it shows: soon after something has happened, else from time to time.

const EVERY_MS = 5_000;
// For what is no event: last contacts, occupancy, rates.
const EVERY_BESIDE_STREAM_MS = 15_000;
const SOON_MS = 1_000;
// A server that needs long to answer is asked less often.
const REST_FOR_EACH_MS = 20;
const REST_FOR_EACH_WITH_NEWS_MS = 10;

export class Pace {
  constructor(now, everyBesideStream = EVERY_BESIDE_STREAM_MS) {
    // The first time soon: a rate is known by the second answer.
    Object.assign(this, { endedAt: now, tookMs: 0, lastMs: 0, everyBesideStream });
    Object.assign(this, { isStreaming: false, hasNews: true });
  }

  asks() {
    this.hasNews = false;
  }

  answered(now, tookMs) {
    // One slow answer is chance, two in a row are load.
    Object.assign(this, { endedAt: now, tookMs: Math.min(tookMs, this.lastMs), lastMs: tookMs });
  }

  // In how many milliseconds from `now` the page is to ask.
  wait(now) {
    const least = this.isStreaming ? this.everyBesideStream : EVERY_MS;
    const rest = this.hasNews
      ? Math.max(SOON_MS, this.tookMs * REST_FOR_EACH_WITH_NEWS_MS)
      : Math.max(least, this.tookMs * REST_FOR_EACH_MS);
    return Math.max(0, this.endedAt + rest - now);
  }
}
