import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";

import { History } from "../../cameras/static/cameras/zone_editor/history.js";

const historyOf = (...steps) => {
  const history = new History("first");
  for (const [value, key] of steps) history.add(value, `made ${value}`, key);
  return history;
};

test("a new history holds its first value, and has nothing to undo or redo", () => {
  const { value, canUndo, canRedo } = historyOf();

  deepEqual({ value, canUndo, canRedo }, { value: "first", canUndo: false, canRedo: false });
});

test("undo and redo go through the values, and name what was undone or done again", () => {
  const history = historyOf(["a"], ["b"]);

  equal(history.undo(), "made b");
  equal(history.value, "a");
  equal(history.undo(), "made a");
  equal(history.value, "first");
  equal(history.canUndo, false);
  equal(history.redo(), "made a");
  equal(history.value, "a");
  equal(history.canRedo, true);
});

test("a step after an undo gives up what could be done again", () => {
  const history = historyOf(["a"], ["b"]);
  history.undo();

  history.add("c", "made c");

  equal(history.canRedo, false);
  equal(history.undo(), "made c");
  equal(history.value, "a");
});

test("steps in a row with one key are one step, and are named by the first", () => {
  const history = historyOf(["a"], ["t", "name"], ["ty", "name"], ["typ", "name"]);

  equal(history.value, "typ");
  equal(history.undo(), "made t");
  equal(history.value, "a");
});

test("steps with another key, or without one, are steps of their own", () => {
  const history = historyOf(["a", "name"], ["b", "colour"], ["c"], ["d"]);

  const undone = [];
  while (history.canUndo) undone.push(history.undo());

  deepEqual(undone, ["made d", "made c", "made b", "made a"]);
});

test("after 200 entries the oldest goes, and the newest stays", () => {
  const history = historyOf(...Array.from({ length: 250 }, (_, number) => [number]));

  let steps = 0;
  for (; history.canUndo; steps += 1) history.undo();

  equal(steps, 199);
  equal(history.value, 50);
});
