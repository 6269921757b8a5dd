import { equal } from "node:assert/strict";
import { describe, test } from "node:test";

import { Pace } from "../../templates/static/controlplane/pace.js";

describe("when a page asks again", () => {
  const paced = ({ tookMs = 40, ...state }) => {
    const pace = Object.assign(new Pace(0), { hasNews: false, ...state });
    pace.answered(500, tookMs);
    pace.answered(1_000, tookMs);
    return pace;
  };
  const CASES = [
    ["without a stream every 5 s", {}, 1_000, 5_000],
    ["with one every 15 s, for what is no event", { isStreaming: true }, 1_000, 15_000],
    ["more often where it says so", { isStreaming: true, everyBesideStream: 5_000 }, 1_000, 5_000],
    ["a slow server less often", { isStreaming: true, tookMs: 2_000 }, 1_000, 40_000],
    ["with news a second after the last answer", { isStreaming: true, hasNews: true }, 1_000, 1_000],
    ["with news at once, if that is longer ago", { isStreaming: true, hasNews: true }, 4_000, 0],
    ["with news later, if that took long", { isStreaming: true, hasNews: true, tookMs: 300 }, 1_000, 3_000],
  ];
  for (const [words, state, now, expected] of CASES) {
    test(words, () => equal(paced(state).wait(now), expected));
  }

  test("one slow answer is not taken for a slow server", () => {
    const pace = new Pace(0);
    pace.answered(3_000, 3_000);
    equal(pace.wait(3_000), 1_000);
    pace.answered(6_000, 3_000);
    equal(pace.wait(6_000), 30_000);
  });

  test("the first time after a second", () => equal(new Pace(500).wait(500), 1_000));
});
