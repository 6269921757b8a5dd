// Asks for the connection string only when somebody presses the button; it leaves the page again after a minute.

const SHOWN_FOR_MS = 60_000;

for (const box of document.querySelectorAll("[data-reveal]")) {
  const ask = box.querySelector(".cp-buttons button");
  const revealed = box.querySelector(".cp-revealed");
  const input = revealed.querySelector("input");
  const failed = box.querySelector(".cp-failed");
  let timer;

  const hide = () => {
    clearTimeout(timer);
    input.value = "";
    revealed.hidden = true;
    ask.disabled = false;
  };

  ask.addEventListener("click", async () => {
    ask.disabled = true;
    failed.hidden = true;
    try {
      const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
      const answer = await fetch(box.dataset.reveal, { method: "POST", headers: { "X-CSRFToken": token } });
      const body = await answer.json();
      if (!answer.ok) throw new Error(body.detail);
      input.value = body.connection_string;
      revealed.hidden = false;
      input.focus();
      input.select();
      timer = setTimeout(hide, SHOWN_FOR_MS);
    } catch (error) {
      const detail = error instanceof SyntaxError || error instanceof TypeError ? "" : error.message;
      failed.textContent = detail || box.dataset.failed;
      failed.hidden = false;
      ask.disabled = false;
    }
  });
  revealed.querySelector("button").addEventListener("click", () => {
    hide();
    ask.focus();
  });
  // A page that comes back from the browser's memory must not bring the secret along.
  addEventListener("pagehide", hide);
}
