// A word in the corner that goes by itself.

export const TOASTS_MAX = 3;
const SHOWN_MS = 6000;
const TONES = { success: "good", warning: "warn", error: "bad" };
const ICONS = { success: "check", warning: "alert", error: "x" };
const toasts = document.getElementById("toasts");

export function toast({ level, text, task }) {
  if (!toasts) return;
  const box = document.createElement("div");
  box.className = "toast";
  box.dataset.tone = TONES[level] || "info";
  const words = document.createElement("p");
  words.textContent = text;
  if (task) words.append(" ", leading(`/tasks/${task}/`));
  const close = document.createElement("button");
  close.type = "button";
  close.className = "btn btn-ghost btn-sm btn-icon";
  close.setAttribute("aria-label", "Close");
  close.append(icon("x"));
  close.onclick = () => box.remove();
  box.append(icon(ICONS[level] || "bell"), words, close);
  toasts.append(box);
  while (toasts.children.length > TOASTS_MAX) toasts.firstElementChild.remove();
  leave(box);
}

function leading(address) {
  const link = document.createElement("a");
  link.href = address;
  link.textContent = "Open";
  return link;
}

// It stays under the pointer and while it has the focus.
function leave(box) {
  setTimeout(() => (box.matches(":hover, :focus-within") ? leave(box) : box.remove()), SHOWN_MS);
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "i");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}
