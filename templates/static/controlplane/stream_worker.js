// One stream for all tabs of a browser: over HTTP/1.1 it has six connections to a host, and each stream keeps one.
//
// A page posts `{ watch: urls }` while it is looked at, and `{}` when it is not; while no page is, there is no stream.

import * as browser from "./event_source.js";
import { EventStream } from "./event_stream.js";

const watching = new Set();
let stream = null;

function notify(message) {
  for (const port of watching) port.postMessage(message);
}

globalThis.addEventListener("connect", ({ ports: [port] }) => {
  port.addEventListener("message", ({ data: { watch } }) => {
    if (watch) {
      watching.add(port);
      stream ??= new EventStream(watch, browser, notify);
      stream.start();
      port.postMessage({ isLive: stream.isLive });
      return;
    }
    watching.delete(port);
    if (!watching.size) stream?.stop();
  });
  port.start();
});
