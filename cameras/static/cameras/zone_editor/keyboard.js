// The keyboard: all that the pointer can do, on the shape or the point that has the focus.

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
export const FAR = 10; // times, with Shift
const TYPED_IN = "input, select, textarea";

export function listenToKeyboard(editor) {
  const svg = editor.part("svg");

  function onDraft(event, steps) {
    if (steps) editor.aim(steps);
    else if (event.key === "Enter") editor.finishDraft();
    else if (event.key === "Delete" || event.key === "Backspace") editor.removeFromDraft();
    else if (event.key === " ") {
      if (!editor.draft.cross) editor.aim([0, 0]);
      editor.draft.add(editor.draft.cross);
      editor.refreshDraft();
    } else return false;
    return true;
  }

  function onPoint(event, steps, target) {
    const at = { zone: editor.selected, ring: Number(target.dataset.ring), point: Number(target.dataset.point) };
    const { zone, ring, point } = at;
    if (steps) {
      const place = editor.view.nudged(editor.picture.zones[zone].rings[ring][point], steps);
      // While a key is held down it is one step.
      editor.setPoint(at, place, event.repeat ? `hold ${zone} ${ring} ${point}` : null);
      editor.say("place", { x: place[0], y: place[1] });
    } else if (event.key === "Delete" || event.key === "Backspace") {
      if (editor.removePoint(at)) editor.drawing.focusPoint(ring, Math.max(0, point - 1));
    } else if (event.key === "+" || event.key === "Insert") editor.insertAfter(at);
    else if (event.key === "Escape") editor.drawing.focusShape(zone);
    else return false;
    return true;
  }

  function onShape(event, steps, index) {
    if (event.key === "Enter" || event.key === " ") editor.select(index);
    else if (steps) {
      if (editor.selected !== index) editor.select(index);
      editor.shiftZone(index, editor.view.step(steps), event.repeat ? `hold ${index}` : null);
    } else if (event.key === "Delete" || event.key === "Backspace") editor.removeZone(index);
    else if (event.key === "Escape") editor.select(null);
    else return false;
    return true;
  }

  function onPicture(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    const far = event.shiftKey ? FAR : 1;
    const steps = ARROWS[event.key]?.map((step) => step * far);
    if (editor.draft) return onDraft(event, steps);
    const target = event.target.closest("[data-point], [data-zone]");
    if (!target) return false;
    if (target.dataset.point) return onPoint(event, steps, target);
    return onShape(event, steps, Number(target.dataset.zone));
  }

  function onEditor(event) {
    const key = event.key.toLowerCase();
    if (event.key === "Escape" && editor.draft) editor.cancelDraft();
    else if ((event.ctrlKey || event.metaKey) && key === "z" && !event.shiftKey) editor.undo();
    else if ((event.ctrlKey || event.metaKey) && (key === "y" || key === "z")) editor.redo();
    else return false;
    return true;
  }

  editor.part("drawn").addEventListener("keydown", (event) => {
    // In a field the keys are the field's own; only Enter must not send the form around it.
    if (event.target.matches(TYPED_IN)) {
      if (event.key !== "Enter") return;
      event.preventDefault();
      event.target.dispatchEvent(new Event("change", { bubbles: true }));
      return;
    }
    const taken = onEditor(event) || (svg.contains(event.target) && onPicture(event));
    if (taken) event.preventDefault();
  });
}
