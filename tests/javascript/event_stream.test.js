import { deepEqual, equal } from "node:assert/strict";
import { afterEach, beforeEach, describe, mock, test } from "node:test";
import { setImmediate } from "node:timers/promises";

import { concerns, EventStream } from "../../templates/static/controlplane/event_stream.js";

const CLOSED = 2;
const URLS = { list: "/list", events: "/events?include=status" };

class Source {
  static all = [];
  readyState = 0;

  constructor(url, listeners) {
    Object.assign(this, { url, listeners });
    Source.all.push(this);
  }

  close() {
    this.readyState = CLOSED;
  }

  happens(kind, data = {}) {
    this.listeners[kind]({ data: JSON.stringify(data) });
  }

  refused() {
    this.readyState = CLOSED;
    this.happens("error");
  }
}

// A stream whose list is answered as is said, and all that it notified.
function begun({ answers = ["a-1", "a-2", "a-3"] } = {}) {
  Source.all = [];
  const notified = [];
  const ask = async () => {
    const cursor = answers.shift();
    return cursor === "refused" ? null : new Headers({ "X-Cursor": cursor });
  };
  const open = (url, listeners) => new Source(url, listeners);
  const stream = new EventStream(URLS, { ask, open }, (message) => notified.push(message));
  stream.start();
  return { stream, notified };
}

const settled = () => setImmediate();
const later = async (milliseconds) => {
  mock.timers.tick(milliseconds);
  await settled();
};

describe("a stream of events", () => {
  beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
  afterEach(() => mock.timers.reset());

  test("follows what comes after the list, and tells to look again once it is open", async () => {
    const { notified } = begun();
    await settled();
    equal(Source.all[0].url, "/events?include=status&since=a-1");
    Source.all[0].happens("open");
    await later(100);
    deepEqual(notified, [{ isLive: true }, { events: [{ kind: "relist" }] }]);
  });

  test("tells of many events at once, of each camera once", async () => {
    const { notified } = begun();
    await settled();
    const [source] = Source.all;
    for (const status of ["stale", "offline"]) source.happens("status", { id: "gate", site: "north", status });
    source.happens("change", { camera_id: "gate" });
    await later(99);
    deepEqual(notified, []);
    await later(1);
    deepEqual(notified, [
      {
        events: [
          { kind: "status", camera: "gate", site: "north" },
          { kind: "change", camera: "gate" },
        ],
      },
    ]);
    for (let camera = 0; camera < 501; camera += 1) source.happens("status", { id: camera, site: null });
    await later(100);
    deepEqual(notified[1], { events: [{ kind: "relist" }] });
  });

  test("leaves it to the browser to go on, and says meanwhile that nothing comes", async () => {
    const { notified } = begun();
    await settled();
    Source.all[0].happens("open");
    await later(100);
    Source.all[0].happens("error");
    deepEqual(notified.at(-1), { isLive: false });
    await later(600_000);
    equal(Source.all.length, 1);
    Source.all[0].happens("open");
    deepEqual(notified.at(-1), { isLive: true });
  });

  for (const end of ["refused", "gone", "silent"]) {
    test(`begins anew, from another place, after it was ${end}`, async () => {
      begun();
      await settled();
      Source.all[0].happens("open");
      await later(30_000);
      Source.all[0].happens("bookmark");
      await later(30_000);
      equal(Source.all[0].readyState, 0);
      if (end === "refused") Source.all[0].refused();
      else if (end === "gone") Source.all[0].happens("gone");
      else await later(10_000);
      equal(Source.all[0].readyState, CLOSED);
      await later(5_000);
      equal(Source.all[1].url, "/events?include=status&since=a-2");
    });
  }

  test("asks less and less often while it is refused, and goes on once it is not", async () => {
    const answers = ["refused", "refused", "refused", "refused", "refused", "refused", "refused", "a-1"];
    const { notified } = begun({ answers });
    const left = [];
    const asked = async (before, wait) => {
      await before;
      await later(wait);
      left.push(answers.length);
    };
    await [0, 5_000, 10_000, 20_000, 40_000, 60_000, 60_000].reduce(asked, null);
    deepEqual(left, [7, 6, 5, 4, 3, 2, 1]);
    await later(60_000);
    equal(Source.all.length, 1);
    deepEqual(notified, []);
  });

  test("is closed when nobody wants it, whatever it waits for, and begins again when somebody does", async () => {
    const { stream, notified } = begun({ answers: ["a-1", "refused", "a-3"] });
    stream.stop();
    await settled();
    equal(Source.all.length, 0);
    stream.start();
    await settled();
    stream.stop();
    await later(600_000);
    equal(Source.all.length, 0);
    stream.start();
    await settled();
    Source.all[0].happens("status", { id: "gate", site: null });
    stream.stop();
    await later(600_000);
    deepEqual([Source.all.length, Source.all[0].readyState, notified], [1, CLOSED, []]);
  });
});

describe("which events a part of a page waits for", () => {
  const CASES = [
    [{ kind: "relist" }, {}, true],
    [{ kind: "status", camera: "a", site: "n" }, {}, false],
    [{ kind: "status", camera: "a", site: "n" }, { refreshOn: "status change" }, true],
    [{ kind: "status", camera: "a", site: "n" }, { refreshOn: "change" }, false],
    [{ kind: "status", camera: "a", site: "n" }, { refreshOn: "status", refreshCamera: "a" }, true],
    [{ kind: "status", camera: "b", site: "n" }, { refreshOn: "status", refreshCamera: "a" }, false],
    [{ kind: "status", camera: "b", site: "n" }, { refreshOn: "status", refreshSite: "n" }, true],
    [{ kind: "status", camera: "b", site: null }, { refreshOn: "status", refreshSite: "n" }, false],
    [{ kind: "change", camera: "b" }, { refreshOn: "change", refreshSite: "n" }, true],
  ];
  for (const [event, part, expected] of CASES) {
    test(`${JSON.stringify(event)} for ${JSON.stringify(part)}`, () => equal(concerns(event, part), expected));
  }
});
