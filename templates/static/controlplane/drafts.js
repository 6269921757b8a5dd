// Keeps what was typed through the end of a session, and asks before an edited form is left.
//
// A form that is sent is kept in this tab until the next page shows what became of it. Where that is the login, or no
// page of the admin at all, it is put back into the form, for the same person. Secrets and files are never kept: the
// person reads which of them to give again.

{
  const KEY = "cp-draft";
  const FORMS = "#content form[method=post]:not(#changelist-form, [data-keep=no])";
  const LEAVING_MS = 500;
  const pageAddress = location.pathname + location.search;
  const asSent = new Map(); // by form: its fields as the server sent them
  let leaving = false;

  const person = () => document.querySelector("[data-person]");
  const nameOf = (form) => form.id || form.getAttribute("action") || "";
  const isSecret = (field) => field.matches("[data-secret], [type=password], [type=file]");

  const fieldsOf = (form) =>
    [...form.elements].filter(
      (field) =>
        field.name && field.name !== "csrfmiddlewaretoken" && !field.matches("button, fieldset, [type=submit]"),
    );

  function stateOf(field) {
    if (field.matches("[type=checkbox], [type=radio]")) return field.checked;
    if (field.matches("select")) return [...field.selectedOptions].map((option) => [option.value, option.text]);
    return field.value;
  }

  function setState(field, state) {
    if (field.matches("[type=checkbox], [type=radio]")) field.checked = state;
    else if (field.matches("select")) {
      for (const option of field.options) option.selected = false;
      for (const [value, text] of state) {
        const known = [...field.options].find((option) => option.value === value);
        if (known) known.selected = true;
        else field.append(new Option(text, value, false, true)); // of a select that asks the server
      }
    } else field.value = state;
  }

  // Fields of one name, such as ticks, are told apart by their value, or by their order.
  function byKey(form) {
    const fields = new Map();
    for (const field of fieldsOf(form)) {
      const key = `${field.name} ${field.matches("[type=checkbox], [type=radio]") ? field.value : ""}`;
      let number = 0;
      while (fields.has(`${key} ${number}`)) number += 1;
      fields.set(`${key} ${number}`, field);
    }
    return fields;
  }

  const statesOf = (form) => JSON.stringify([...byKey(form)].map(([key, field]) => [key, stateOf(field)]));

  // --- What was sent ----------------------------------------------------------------------------------------

  function keep(form) {
    const fields = [...byKey(form)];
    const draft = {
      person: person().dataset.person,
      page: pageAddress,
      hash: location.hash,
      form: nameOf(form),
      states: fields.filter(([, field]) => !isSecret(field)).map(([key, field]) => [key, stateOf(field)]),
      again: fields.filter(([, field]) => isSecret(field) && field.value).map(([, field]) => labelOf(field)),
    };
    try {
      sessionStorage.setItem(KEY, JSON.stringify(draft));
    } catch {
      sessionStorage.removeItem(KEY); // the browser keeps no more: then nothing is put back
    }
  }

  const labelOf = (field) => field.labels[0]?.textContent.replace(/[*:]/g, "").trim() || field.name;

  const read = () => JSON.parse(sessionStorage.getItem(KEY) ?? "null");

  function putBack() {
    const draft = read();
    if (!draft) return;
    if (document.getElementById("login-form")) {
      sessionStorage.setItem(KEY, JSON.stringify({ ...draft, isSignedOut: true }));
      return;
    }
    if (!person()) return;
    // Back from a page that is none of the admin's, such as an error of a proxy: nobody has shown what became of it.
    const cameBack = performance.getEntriesByType("navigation")[0]?.type === "back_forward";
    const isLost = draft.person === person().dataset.person && (draft.isSignedOut || cameBack);
    const form = [...document.querySelectorAll(FORMS)].find((one) => nameOf(one) === draft.form);
    const isHere = form && draft.page === pageAddress;
    if (!isLost || isHere) sessionStorage.removeItem(KEY);
    if (isLost && isHere) restore(form, draft);
  }

  function restore(form, draft) {
    if (draft.hash) history.replaceState(history.state, "", draft.hash);
    asSent.set(form, statesOf(form));
    const put = ({ announce }) => {
      const fields = byKey(form);
      for (const [key, state] of draft.states) {
        const field = fields.get(key);
        if (!field || JSON.stringify(stateOf(field)) === JSON.stringify(state)) continue;
        if (announce && field.closest("[data-zone-editor]")) continue; // it has read its text by now
        setState(field, state);
        if (announce)
          for (const kind of ["input", "change"]) field.dispatchEvent(new Event(kind, { bubbles: true }));
      }
    };
    put({ announce: false }); // before other scripts read the fields
    document.addEventListener("alpine:initialized", () => put({ announce: true })); // it sets those that it is bound to
    form.prepend(notice(draft.again));
  }

  function notice(again) {
    const words = person().dataset;
    const box = document.createElement("p");
    box.className = "cp-notice cp-notice-warning";
    box.setAttribute("role", "status");
    box.textContent =
      words.putBack + (again.length ? ` ${words.again.replace("{fields}", again.join(", "))}` : "");
    return box;
  }

  // --- Leaving ----------------------------------------------------------------------------------------------

  const isEdited = () =>
    [...document.querySelectorAll(FORMS)].some((form) => asSent.has(form) && asSent.get(form) !== statesOf(form));

  document.addEventListener("readystatechange", () => {
    // Before the scripts that wait for the page: they read the fields as they stand then.
    if (document.readyState === "interactive") putBack();
  });

  addEventListener("load", () => {
    for (const form of document.querySelectorAll(FORMS)) if (!asSent.has(form)) asSent.set(form, statesOf(form));
  });

  addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    leaving = true;
    setTimeout(() => (leaving = false), LEAVING_MS); // the answer may be a file, and this page stays
    if (person() && event.target.matches(FORMS)) keep(event.target);
  });

  addEventListener("beforeunload", (event) => {
    if (!leaving && isEdited()) event.preventDefault();
  });
}
