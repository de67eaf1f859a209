// The bell: how many notifications are unread, and a toast for each that comes while the page is open.

import { watch } from "./live.js";
import { TOASTS_MAX, toast } from "./toast.js";

const bell = document.getElementById("bell");

watch({ notifications: true }, (message) => {
  if (message.type === "notifications") show(message);
});

function show({ unread, new: fresh }) {
  const dot = bell.querySelector(".dot");
  dot.hidden = !unread;
  dot.textContent = unread > 99 ? "99" : unread;
  bell.setAttribute("aria-label", unread ? `Notifications, ${unread} unread` : "Notifications");
  for (const count of document.querySelectorAll("[data-unread-count]")) {
    count.hidden = !unread;
    count.textContent = unread;
  }
  const elsewhere = fresh.filter(({ task }) => !task || !location.pathname.includes(task)); // else it is on this page
  for (const note of elsewhere.reverse().slice(-TOASTS_MAX)) toast(note);
}
