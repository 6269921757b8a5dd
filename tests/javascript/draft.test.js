import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";

import { Draft } from "../../cameras/static/cameras/zone_editor/draft.js";

for (const [shape, least] of [
  ["LineString", 2],
  ["Polygon", 3],
]) {
  test(`a ${shape} can be finished from ${least} points on`, () => {
    const draft = new Draft(shape, "#000");
    const could = [];
    for (let number = 1; number <= least; number += 1) {
      draft.add([number, number]);
      could.push(draft.canFinish);
    }

    deepEqual(could, [...Array.from({ length: least - 1 }, () => false), true]);
  });
}

test("the same place twice in a row is one point, and is taken again later", () => {
  const draft = new Draft("Polygon", "#000");

  for (const place of [
    [0, 0],
    [0, 0],
    [0, 1],
    [0, 0],
  ])
    draft.add(place);

  equal(draft.places.length, 3);
});
