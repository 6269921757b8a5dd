// Asks the browser for a passkey, and sends what it says with the form.
//
// A form says by `data-passkey` whether one is made or used, and where it says what is asked for: in an element of the
// page, or at an address. Passkeys need https, or http://localhost.

const KNOWN = Boolean(window.PublicKeyCredential?.parseRequestOptionsFromJSON);

async function optionsOf(form) {
  if (form.dataset.optionsId) return JSON.parse(document.getElementById(form.dataset.optionsId).textContent);
  const answer = await fetch(form.dataset.optionsUrl, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`${answer.status}`);
  return (await answer.json()).publicKey;
}

async function credentialFor(form) {
  const options = await optionsOf(form);
  const credential =
    form.dataset.passkey === "make"
      ? await navigator.credentials.create({
          publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options),
        })
      : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
  return JSON.stringify(credential);
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const credential = form.elements.namedItem("credential");
  const fault = form.querySelector("[data-fault]");
  if (!KNOWN) {
    fault.textContent = form.dataset.cannot;
    form.querySelector("[type=submit]").disabled = true;
    continue;
  }
  form.addEventListener("submit", async (event) => {
    if (credential.value) return;
    event.preventDefault();
    fault.textContent = "";
    try {
      credential.value = await credentialFor(form);
    } catch {
      fault.textContent = form.dataset.failed;
      return;
    }
    form.requestSubmit();
  });
}
