// What a page does beyond links and forms. Everything in here is a comfort: without it the page works.

import { toast } from "./toast.js";

const dialog = document.getElementById("question");

// A question comes as a page of its own; htmx puts it into the one <dialog>.
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target === dialog && !dialog.open) dialog.showModal();
  const wrong = event.detail.target.querySelector("[aria-invalid=true]");
  if (wrong) wrong.focus();
});

document.addEventListener("click", (event) => {
  if (event.target.closest("dialog [data-close]")) {
    event.preventDefault();
    dialog.close();
  }
  const copy = event.target.closest("[data-copy]");
  if (copy) copyText(copy);
});

// What a click asked for and did not get must not pass in silence. What is asked for unasked tries again by itself.
function failed({ detail }) {
  if (detail.requestConfig?.triggeringEvent?.type === "every" || !detail.requestConfig?.triggeringEvent) return;
  const code = detail.xhr?.status;
  const text = code ? `The server could not do that (${code}). Try again.` : "The server cannot be reached. Try again.";
  toast({ level: "error", text });
}
document.addEventListener("htmx:responseError", failed);
document.addEventListener("htmx:sendError", failed);

dialog.addEventListener("close", () => dialog.replaceChildren());

async function copyText(button) {
  const words = button.lastChild;
  try {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    words.textContent = "Copied";
  } catch {
    words.textContent = "Not allowed: select and copy it";
  }
}

// Where the browser lets nobody copy (plain http, mostly) there is no button for it.
if (navigator.clipboard) for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;

// Moments come in UTC; their titles say them in the reader's own time.
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) time.title = exact.format(new Date(time.dateTime));
}
localTimes(document);
document.addEventListener("htmx:afterSettle", (event) => localTimes(event.target));
