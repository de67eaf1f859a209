// What a page does beyond links and forms. Everything in here is a comfort: without it the page works.

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
