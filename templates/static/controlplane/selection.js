// The ticks of a list: all rows of the page at once, a range with Shift, and how many are ticked. Rows may come and go.

const form = document.getElementById("changelist-form");
const ticks = () => [...form.querySelectorAll(".action-select")];
const show = (selector, shown) => form.querySelector(selector)?.classList.toggle("hidden", !shown);
let last = null;

// Whether an action is for all rows of the list, those of other pages too.
function across(all) {
  for (const input of form.querySelectorAll("input.select-across")) input.value = all ? 1 : 0;
  const boxes = ticks();
  const isWhole = boxes.length > 0 && boxes.every((box) => box.checked);
  show(".actions .question", isWhole && !all);
  show(".actions .clear", all);
  show(".actions .all", all);
  show(".action-counter", !all);
}

function count() {
  const boxes = ticks();
  const ticked = boxes.filter((box) => box.checked).length;
  const whole = document.getElementById("action-toggle");
  whole.checked = boxes.length > 0 && ticked === boxes.length;
  whole.indeterminate = ticked > 0 && ticked < boxes.length;
  const counter = form.querySelector(".action-counter");
  const words = document.querySelector("[data-ticked]").dataset.ticked;
  if (counter) counter.textContent = words.replace("{ticked}", ticked).replace("{rows}", boxes.length);
  across(false);
}

if (document.getElementById("action-toggle")) {
  form.addEventListener("click", (event) => {
    const box = event.target;
    if (box.id === "action-toggle") {
      for (const other of ticks()) other.checked = box.checked;
    } else if (box.matches(".action-select")) {
      const boxes = ticks();
      if (event.shiftKey && boxes.includes(last)) {
        const [first, end] = [boxes.indexOf(last), boxes.indexOf(box)].toSorted((one, other) => one - other);
        for (const other of boxes.slice(first, end + 1)) other.checked = box.checked;
      }
      last = box;
    } else if (box.closest(".question a")) {
      event.preventDefault();
      return across(true);
    } else if (box.closest(".clear a")) {
      event.preventDefault();
      for (const other of ticks()) other.checked = false;
    } else return;
    count();
  });
  addEventListener("pageshow", count); // a page that comes back keeps its ticks
}
