// The stream of what happens to cameras, for as long as somebody wants it: server-sent events of the change feed.
//
// `notify({ events })` names what happened in a moment, each as `{ kind, camera, site }`: a `status` of a camera, or a
// `change`, which does not say where. A `relist` stands for any of them. `notify({ isLive })` says whether events come.
//
// `ask(url)` gets the headers of an answer, null where it is refused or there is none. `open(url, listeners)` opens a source of
// events; it calls the function in `listeners` that is named as the event. A browser goes on by itself with a source that broke
// off; one that was refused or ended is opened anew here, later and later.

const GATHER_MS = 100;
const MOST_EVENTS = 500;
const AGAIN_MS = 5_000;
const AGAIN_AT_MOST_MS = 60_000;
// A bookmark comes every 15 s.
const SILENCE_MS = 40_000;
const CLOSED = 2;

// Whether an event changes what a part of a page shows. Where an event does not say of which site it is, it may be any.
export function concerns({ kind, camera, site }, { refreshOn, refreshCamera, refreshSite }) {
  if (kind === "relist") return true;
  if (!refreshOn?.split(" ").includes(kind)) return false;
  return camera === (refreshCamera ?? camera) && (site === undefined || site === (refreshSite ?? site));
}

export class EventStream {
  // `urls` are those of the `events`, and of a `list` whose answer says from where on to follow them.
  constructor(urls, { ask, open }, notify) {
    Object.assign(this, { urls, ask, open, notify, source: null, isLive: false, isWanted: false, failures: 0 });
    this.events = new Map();
  }

  start() {
    if (this.isWanted) return;
    this.isWanted = true;
    this.begin();
  }

  stop() {
    this.isWanted = this.isLive = false;
    this.failures = 0;
    this.source?.close();
    this.source = null;
    clearTimeout(this.again);
    clearTimeout(this.silence);
    clearTimeout(this.gathering);
    this.gathering = null;
    this.events.clear();
  }

  async begin() {
    const headers = await this.ask(this.urls.list);
    if (!this.isWanted || this.source) return;
    if (headers) this.source = this.open(`${this.urls.events}&since=${headers.get("X-Cursor")}`, this.listeners());
    else this.beginAgain();
  }

  listeners() {
    return {
      open: () => {
        this.failures = 0;
        this.listen();
        this.beLive(true);
        // What happened since the page was made, and before this, is not in the stream.
        this.gather({ kind: "relist" });
      },
      error: () => {
        clearTimeout(this.silence);
        this.beLive(false);
        if (this.source?.readyState === CLOSED) this.beginAgain();
      },
      gone: () => this.beginAgain(),
      bookmark: () => this.listen(),
      relist: () => this.gather({ kind: "relist" }),
      status: ({ data }) => {
        const { id, site } = JSON.parse(data);
        this.gather({ kind: "status", camera: id, site });
      },
      change: ({ data }) => this.gather({ kind: "change", camera: JSON.parse(data).camera_id }),
    };
  }

  // A connection that is dead, as after the computer slept, does not say so.
  listen() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.beginAgain(), SILENCE_MS);
  }

  beginAgain() {
    clearTimeout(this.silence);
    this.source?.close();
    this.source = null;
    this.beLive(false);
    const most = Math.min(AGAIN_AT_MOST_MS, AGAIN_MS * 2 ** this.failures);
    this.failures += 1;
    clearTimeout(this.again);
    // Not all browsers at the same time.
    this.again = setTimeout(() => this.begin(), most * (0.5 + Math.random() / 2));
  }

  beLive(isLive) {
    if (isLive === this.isLive) return;
    this.isLive = isLive;
    this.notify({ isLive });
  }

  gather(event) {
    this.events.set(`${event.kind} ${event.camera}`, event);
    this.gathering ??= setTimeout(() => {
      const events = this.events.size > MOST_EVENTS ? [{ kind: "relist" }] : [...this.events.values()];
      this.gathering = null;
      this.events.clear();
      this.notify({ events });
    }, GATHER_MS);
  }
}
