import { deepEqual, equal } from "node:assert/strict";
import { describe, test } from "node:test";

import {
  BUCKETS,
  bucketFor,
  complete,
  daysLater,
  meanOf,
  midnightBefore,
  moved,
  shown,
  summaryOf,
  widened,
} from "../../cameras/static/cameras/series.js";

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;
const at = (text) => Date.parse(text) / 1000;
const starting = (text, more = {}) => ({ start: text, ...more });

describe("the bucket of a range is the finest with at most 720 in it", () => {
  const CASES = [
    [720 * MINUTE, "1m"],
    [720 * MINUTE + 1, "5m"],
    [720 * 5 * MINUTE, "5m"],
    [720 * 15 * MINUTE, "15m"],
    [720 * HOUR, "1h"],
    [720 * HOUR + 1, "1d"],
    [3000 * DAY, "1d"],
  ];
  for (const [span, name] of CASES) {
    test(`${span} seconds: ${name}`, () =>
      equal(bucketFor([at("2026-03-01T00:00Z"), at("2026-03-01T00:00Z") + span])[0], name));
  }

  test("they are named by their length", () => {
    const lengths = { m: MINUTE, h: HOUR, d: DAY };

    for (const [name, seconds] of BUCKETS) equal(parseInt(name, 10) * lengths[name.at(-1)], seconds);
  });
});

describe("a range", () => {
  test("is widened to whole buckets, and left alone where it has these", () => {
    deepEqual(widened([61, 119], MINUTE), [60, 120]);
    deepEqual(widened([60, 120], MINUTE), [60, 120]);
    deepEqual(widened([3600, 7200], HOUR, 1800), [1800, 9000]);
  });

  const MOVES = { earlier: [-500, 500], later: [500, 1500], in: [250, 750], out: [-500, 1500] };
  for (const [how, expected] of Object.entries(MOVES)) {
    test(`moves ${how} by half of itself`, () => deepEqual(moved([0, 1000], how), expected));
  }

  const now = 100_000_000;
  const SHOWN = [
    ["as it is", [1000, 2000], [1000, 2000]],
    ["in whole seconds", [1000.4, 2000.4], [1000, 2000]],
    ["no shorter than ten minutes, about its middle", [1000, 1010], [705, 1305]],
    ["no longer than 366 days, about its middle", [0, 400 * DAY], [17 * DAY, 383 * DAY]],
    ["no later than now, and as long as it was", [now - 100, now + 900], [now - 1000, now]],
  ];
  for (const [what, range, expected] of SHOWN) {
    test(`is shown ${what}`, () => deepEqual(shown(range, now), expected));
  }
});

describe("the intervals of a series", () => {
  test("are in order, and null where nothing is known", () => {
    const point = starting("2026-03-01T00:02:00Z");
    const intervals = complete([point], [at("2026-03-01T00:00:30Z"), at("2026-03-01T00:03:01Z")], MINUTE, "UTC");

    deepEqual(
      intervals.map((one) => [one.at - at("2026-03-01T00:00:00Z"), one.point]),
      [
        [0, null],
        [60, null],
        [120, point],
        [180, null],
      ],
    );
  });

  test("by hour begin when the clock of the place shows a full one", () => {
    const known = starting("2026-03-01T10:30:00.000000Z");
    const range = [at("2026-03-01T10:00Z"), at("2026-03-01T12:00Z")];
    const starts = (zone) => complete([known], range, HOUR, zone).map((one) => one.at);

    deepEqual(starts("Asia/Kolkata"), ["2026-03-01T09:30Z", "2026-03-01T10:30Z", "2026-03-01T11:30Z"].map(at));
    deepEqual(starts("UTC"), ["2026-03-01T10:00Z", "2026-03-01T10:30Z", "2026-03-01T11:00Z"].map(at));
  });

  // Days of a place begin when the server says so for those that are known, and are worked out for the others.
  const DAYS = [
    [
      "UTC",
      "2026-03-01T00:00:00Z",
      "2026-03-03T12:00:00Z",
      ["2026-03-01T00:00Z", "2026-03-02T00:00Z", "2026-03-03T00:00Z"],
    ],
    ["Asia/Kathmandu", "2026-03-01T00:00:00Z", "2026-03-02T12:00:00Z", ["2026-02-28T18:15Z", "2026-03-01T18:15Z"]],
    [
      "Europe/Berlin, where 29 March has 23 hours",
      "2026-03-28T12:00:00Z",
      "2026-03-30T12:00:00Z",
      ["2026-03-27T23:00Z", "2026-03-28T23:00Z", "2026-03-29T22:00Z"],
    ],
    [
      "Europe/Berlin, where 25 October has 25 hours",
      "2026-10-24T12:00:00Z",
      "2026-10-26T12:00:00Z",
      ["2026-10-23T22:00Z", "2026-10-24T22:00Z", "2026-10-25T23:00Z"],
    ],
  ];
  for (const [where, from, to, midnights] of DAYS) {
    test(`by day begin at midnight in ${where}`, () => {
      const [zone] = where.split(",");
      const known = starting(midnights[1]);
      const intervals = complete([known], [at(from), at(to)], DAY, zone);

      deepEqual(
        intervals.map((one) => one.at),
        midnights.map(at),
      );
      deepEqual(
        intervals.map(({ point }) => point),
        midnights.map((midnight, number) => (number === 1 ? known : null)),
      );
    });
  }

  test("by day do not hold the day that begins where the range ends", () => {
    const intervals = complete([], [at("2026-03-01T12:00Z"), at("2026-03-02T00:00Z")], DAY, "UTC");

    deepEqual(
      intervals.map((one) => one.at),
      [at("2026-03-01T00:00Z")],
    );
  });

  const MIDNIGHTS = [
    ["2026-03-29T10:00Z", "Europe/Berlin", "2026-03-28T23:00Z"], // the clock went from 2 to 3
    ["2026-10-25T10:00Z", "Europe/Berlin", "2026-10-24T22:00Z"], // from 3 back to 2
    ["2026-09-06T12:00Z", "America/Santiago", "2026-09-06T04:00Z"], // from 24 to 1: the day begins at 1
    ["2026-03-01T18:15Z", "Asia/Kathmandu", "2026-03-01T18:15Z"],
    ["2026-03-01T18:14:59Z", "Asia/Kathmandu", "2026-02-28T18:15Z"],
  ];
  for (const [moment, zone, midnight] of MIDNIGHTS) {
    test(`at ${moment} the day in ${zone} had begun at ${midnight}`, () =>
      equal(midnightBefore(at(moment), zone), at(midnight)));
  }
});

describe("so many days later the clock of the place shows the same", () => {
  const CASES = [
    ["2026-06-10T10:00Z", 7, "Europe/Berlin", "2026-06-17T10:00Z"],
    ["2026-03-25T10:00Z", 7, "Europe/Berlin", "2026-04-01T09:00Z"], // an hour less since
    ["2026-04-01T09:00Z", -7, "Europe/Berlin", "2026-03-25T10:00Z"],
    ["2026-10-21T10:00Z", 7, "Europe/Berlin", "2026-10-28T11:00Z"],
    ["2026-04-01T10:15Z", 7, "Australia/Lord_Howe", "2026-04-08T10:45Z"], // half an hour
    ["2026-03-25T10:00Z", 7, "Asia/Kathmandu", "2026-04-01T10:00Z"],
  ];
  for (const [moment, days, zone, expected] of CASES) {
    test(`${days} days from ${moment} in ${zone}`, () => equal(daysLater(at(moment), days, zone), at(expected)));
  }
});

describe("the summary", () => {
  test("of a site is that of its cameras added up", () => {
    const intervals = [
      { point: { occupancy: 4, known_seconds: 60 } },
      { point: { occupancy: 8, known_seconds: 60 } },
    ];

    deepEqual(summaryOf(intervals), { mean: 6, least: 4, most: 8, gaps: 0, intervals: 2 });
  });

  const interval = (point) => ({ at: 0, point });

  test("weighs means by the time for which they are known, or else by the samples", () => {
    const intervals = [
      interval({ weighted_avg: 10, avg: 99, known_seconds: 30, count: 1, min: 4, max: 12 }),
      interval({ weighted_avg: 2, avg: 99, known_seconds: 10, count: 1, min: 0, max: 9 }),
      interval({ weighted_avg: null, avg: 0, known_seconds: 0, count: 40, min: null, max: null }),
      interval(null),
    ];

    deepEqual(summaryOf(intervals), { mean: 4, least: 0, most: 12, gaps: 1, intervals: 4 });
  });

  test("of nothing counts the gaps", () => {
    const { gaps, intervals } = summaryOf([interval(null), interval(null)]);

    deepEqual([gaps, intervals], [2, 2]);
  });

  test("takes the mean by time before that of the samples, 0 included", () => {
    equal(meanOf({ weighted_avg: 0, avg: 5 }), 0);
    equal(meanOf({ weighted_avg: null, avg: 5 }), 5);
  });
});
