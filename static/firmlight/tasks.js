// Lists of tasks, live: the page of a group, and one's own tasks. Rows change where they stand; new tasks wait behind a
// button, so that nothing jumps under the pointer.

import { watch } from "./live.js";
import { localTimes, put } from "./parts.js";

const list = document.getElementById("task-list");
const fresh = document.getElementById("new-tasks");
const unseen = new Set();

for (const group of list.dataset.groups.split(" ").filter(Boolean)) {
  watch({ group, view: "page" }, (message) => {
    if (message.type === "page" && message.group === group) show(message);
  });
}

function show({ parts, gone }) {
  for (const [id, place, html] of parts) {
    if (place !== "tasks" || document.getElementById(id)) put(id, place, html);
    else if (isOver(html)) unseen.delete(id);
    else unseen.add(id);
  }
  for (const id of gone) if (!id.startsWith("task-")) document.getElementById(id)?.remove();
  say();
}

// What came and went while nobody asked for it is found in the list when it is loaded next.
const isOver = (html) => /data-status="(succeeded|failed|cancelled)"/.test(html);

function say() {
  if (!fresh) return;
  const isFirstPage = !new URLSearchParams(location.search).has("page");
  fresh.hidden = !unseen.size || !isFirstPage;
  fresh.querySelector("a").textContent = unseen.size === 1 ? "1 new task: show it" : `${unseen.size} new tasks: show them`;
}

document.addEventListener("htmx:afterSettle", ({ target }) => {
  if (!list.contains(target) && target !== list) return;
  for (const id of unseen) if (document.getElementById(id)) unseen.delete(id);
  localTimes(list);
  say();
});
