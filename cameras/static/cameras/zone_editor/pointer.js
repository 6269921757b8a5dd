// Mouse, pen and finger: drawing, and dragging of points, of middles (which become points) and of whole shapes.

import { distance } from "./view.js";
import { withPoint, withPointAfter, withRings } from "./zones.js";

const NEAR = { mouse: 12, pen: 14, touch: 22 };
const STILL_A_CLICK = 3;

export function listenToPointer(editor) {
  const svg = editor.part("svg");
  const { view } = editor;
  let drag = null; // {start, moved, apply(spot, place) -> picture, action, focus}

  const spotOf = (event) => {
    const box = svg.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const placeOf = (event) => view.placeOf(spotOf(event), view.snaps && !event.altKey);
  const isNear = (event, place) =>
    place !== undefined &&
    distance(spotOf(event), view.onScreen(place)) <= (NEAR[event.pointerType] ?? NEAR.mouse);

  function draw(event) {
    const { draft } = editor;
    const last = draft.places.at(-1);
    const ends = isNear(event, last) || (draft.shape === "Polygon" && isNear(event, draft.places[0]));
    draft.byKeyboard = false;
    draft.cross = null;
    if (ends && draft.canFinish) return editor.finishDraft();
    if (ends) return undefined;
    draft.add(placeOf(event));
    drag = { drawing: true };
    return editor.refreshDraft();
  }

  function grabPoint(target, start) {
    const at = { zone: editor.selected, ring: Number(target.dataset.ring), point: Number(target.dataset.point) };
    const before = editor.picture;
    if (target.classList.contains("ze-middle")) {
      const after = { ...at, point: at.point + 1 };
      drag = {
        start,
        moved: true,
        action: "action_insert",
        apply: (place) => withPointAfter(before, at, place),
        focus: () => editor.drawing.focusPoint(after.ring, after.point),
      };
    } else {
      drag = { start, moved: false, action: "action_move", apply: (place) => withPoint(before, at, place) };
    }
  }

  function grabShape(index, start) {
    if (editor.selected !== index) return editor.select(index);
    const before = editor.picture;
    const rings = before.zones[index].rings;
    const from = view.placeOf(start, false);
    drag = {
      start,
      moved: false,
      action: "action_move",
      apply: (place, spot) => {
        const to = view.placeOf(spot, false);
        return withRings(before, index, view.shifted(rings, [to[0] - from[0], to[1] - from[1]]));
      },
    };
    return undefined;
  }

  svg.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    const start = spotOf(event);
    const target = event.target.closest("[data-point], [data-zone]");
    if (editor.draft) draw(event);
    else if (!target) editor.select(null);
    else if (target.dataset.point) grabPoint(target, start);
    else grabShape(Number(target.dataset.zone), start);
    if (!drag) return;
    svg.setPointerCapture(event.pointerId);
    if (drag.moved) editor.preview(drag.apply(placeOf(event), start));
  });

  svg.addEventListener("pointermove", (event) => {
    if (!event.isPrimary) return;
    if (editor.draft && drag?.drawing) {
      editor.draft.places[editor.draft.places.length - 1] = placeOf(event);
      editor.redraw();
    } else if (editor.draft && event.pointerType !== "touch") {
      editor.draft.byKeyboard = false;
      editor.draft.cross = placeOf(event);
      editor.redraw();
    } else if (drag?.apply) {
      const spot = spotOf(event);
      drag.moved ||= distance(spot, drag.start) > STILL_A_CLICK;
      if (drag.moved) editor.preview(drag.apply(placeOf(event), spot));
    }
  });

  // A finger scrolls the page unless it drags something; what lies in an SVG has no touch-action of its own.
  svg.addEventListener("touchmove", (event) => drag && event.preventDefault(), { passive: false });

  svg.addEventListener("pointerup", (event) => {
    const done = drag;
    drag = null;
    if (done?.apply && done.moved) editor.change(done.apply(placeOf(event), spotOf(event)), done.action);
    done?.focus?.();
  });

  const give = () => {
    if (drag?.apply) editor.dropPreview();
    drag = null;
  };
  svg.addEventListener("pointercancel", give);
  svg.addEventListener("keydown", (event) => event.key === "Escape" && give(), { capture: true });
  svg.addEventListener("pointerleave", () => {
    if (!editor.draft || editor.draft.byKeyboard || drag) return;
    editor.draft.cross = null;
    editor.redraw();
  });
}
