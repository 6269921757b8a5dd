// Tells a page what happens to cameras: by the one stream of its browser, or by one of its own where it cannot share.

import * as browser from "./event_source.js";
import { EventStream } from "./event_stream.js";

// `hear` is told what an `EventStream` tells. Returns what to call with whether the page is looked at.
export function listen({ urls, worker, person }, hear) {
  let port = null;
  let own = null;
  let isWatching = false;

  function listenAlone() {
    port = null;
    own ??= new EventStream(urls, browser, hear);
    if (isWatching) own.start();
  }

  try {
    // By its name one for each person: whoever signs in next does not hear what the last one may see.
    const shared = new SharedWorker(worker, { type: "module", name: `events for ${person}` });
    shared.addEventListener("error", listenAlone);
    shared.port.addEventListener("message", ({ data }) => isWatching && hear(data));
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
    if (!wanted) hear({ isLive: false });
  };
}
