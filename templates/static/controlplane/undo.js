// Undo in a message does it at once; without this script its link leads to the page that shows first what it would do.

addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-undo]");
  const token = document.querySelector("[name=csrfmiddlewaretoken]");
  if (!link || !token || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const form = document.createElement("form");
  form.method = "post";
  form.action = link.dataset.undo;
  for (const [name, value] of [
    ["csrfmiddlewaretoken", token.value],
    ["next", location.pathname + location.search],
  ]) {
    const input = document.createElement("input");
    [input.type, input.name, input.value] = ["hidden", name, value];
    form.append(input);
  }
  document.body.append(form);
  form.submit();
});
