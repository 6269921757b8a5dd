import { deepEqual } from "node:assert/strict";
import { describe, test } from "node:test";

import { shares, shownSpans } from "../../cameras/static/cameras/spans.js";

const shown = (spans) => shownSpans(spans, [100, 200]).map(({ from, share }) => [from, share]);

describe("of the spans of a status those that touch the range are shown, cut at its ends", () => {
  const CASES = [
    ["within", { start: 110, end: 130 }, [[0.1, 0.2]]],
    ["from before", { start: 0, end: 150 }, [[0, 0.5]]],
    ["beyond the end", { start: 150, end: 900 }, [[0.5, 0.5]]],
    ["lasting", { start: 175, end: null }, [[0.75, 0.25]]],
    ["lasting since before", { start: 1, end: null }, [[0, 1]]],
    ["over when it begins", { start: 0, end: 100 }, []],
    ["beginning when it ends", { start: 200, end: null }, []],
  ];
  for (const [what, span, expected] of CASES) test(what, () => deepEqual(shown([span]), expected));

  test("what a span says of itself stays", () => {
    const [span] = shownSpans([{ start: 0, end: null, status: "offline" }], [100, 200]);

    deepEqual([span.start, span.end, span.status], [0, null, "offline"]);
  });
});

test("shares are of what is known, by status, the greatest first", () => {
  const spans = [
    { label: "Offline", share: 0.1 },
    { label: "Healthy", share: 0.2 },
    { label: "Offline", share: 0.05 },
    { label: "Healthy", share: 0.15 },
  ];

  deepEqual(
    shares(spans).map(({ label, share }) => [label, Math.round(100 * share)]),
    [
      ["Healthy", 70],
      ["Offline", 30],
    ],
  );
});
