// Gives the selects that ask the server the names of their labels: select2 leaves them without one while empty.

function nameSelects() {
  for (const select of document.querySelectorAll("select.select2-hidden-accessible")) {
    const words = select.labels[0]?.textContent.trim() || select.name;
    for (const part of select.nextElementSibling?.querySelectorAll(
      "[role=combobox], [role=textbox], [role=searchbox]",
    ) ?? []) {
      if (part.getAttribute("aria-label") !== words) part.setAttribute("aria-label", words);
    }
  }
}

addEventListener("DOMContentLoaded", () => {
  new MutationObserver(nameSelects).observe(document.body, { childList: true, subtree: true });
  nameSelects();
});
