// Notifies a page of what happens to cameras: by the one stream of its browser, or by one of its own where it cannot share.

import * as browser from "./event_source.js";
import { EventStream } from "./event_stream.js";

// `notify` gets what an `EventStream` gives. Returns what to call with whether the page is looked at.
export function listen({ urls, worker, person }, notify) {
  let port = null;
  let own = null;
  let isWatching = false;

  function listenAlone() {
    port = null;
    own ??= new EventStream(urls, browser, notify);
    if (isWatching) own.start();
  }

  try {
    // By its name one for each person: whoever signs in next does not see what the last one may see.
    const shared = new SharedWorker(worker, { type: "module", name: `events for ${person}` });
    shared.addEventListener("error", listenAlone);
    shared.port.addEventListener("message", ({ data }) => isWatching && notify(data));
    shared.port.start();
    port = shared.port;
  } catch {
    listenAlone();
  }

  return (wanted) => {
    if (wanted === isWatching) return;
    isWatching = wanted;
    if (port) port.postMessage(wanted ? { watch: urls } : {});
    else if (wanted) own.start();
    else own.stop();
    if (!wanted) notify({ isLive: false });
  };
}
