// The live page of one task.

import { watch } from "./live.js";
import { change, put } from "./parts.js";

const page = document.getElementById("task");
const title = document.title;

watch({ task: page.dataset.task, view: "page" }, (message) => {
  if (message.type === "page" && message.task === page.dataset.task) show(message);
});

function show({ parts, gone }) {
  for (const [id, place, html] of parts) put(id, place, html, add);
  for (const id of gone) if (id !== "axis") document.getElementById(id)?.remove();
  refresh();
  tick();
}

function add(home, next) {
  if (home.id === "events") home.prepend(next); // the newest on top
  else home.append(next);
}

// What depends on who looks (buttons, the result) is asked for anew when the status is no longer the one it was made for,
// or when it has ended once more: a result that was withdrawn is replaced by another one.
// What could not be had is asked for again with the next message: there is one after each loss.

function status() {
  const { status, finished } = document.getElementById("progress").dataset;
  return `${status} ${finished ?? ""}`;
}

let shown = status();
let asking = false;

async function refresh() {
  if (asking) return;
  asking = true;
  while (shown !== status()) {
    const wanted = status();
    if (!(await fetchHead())) break;
    shown = wanted;
  }
  asking = false;
}

async function fetchHead() {
  const text = await fetchPage().catch(() => ""); // the line may break amid the answer, too
  if (!text) return false;
  const whole = new DOMParser().parseFromString(text, "text/html");
  for (const id of ["task-head", "task-result"]) {
    const [now, next] = [document.getElementById(id), whole.getElementById(id)];
    if (!now || !next) continue;
    change(now, next);
    htmx.process(now);
  }
  return true;
}

async function fetchPage() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  return answer.ok ? answer.text() : "";
}

// What grows by itself: how long it runs, the bars at work, the line that stands for now.
const skew = Number(page.dataset.now) - Date.now(); // the reader's clock may be wrong

function tick() {
  const progress = document.getElementById("progress");
  const percent = progress.dataset.percent;
  document.title = progress.dataset.status === "running" ? `${Math.floor(percent)} % · ${title}` : title;
  for (const span of document.querySelectorAll("[data-since]")) {
    span.textContent = words(Date.now() + skew - new Date(span.dataset.since));
  }
  const axis = document.getElementById("axis");
  if (!axis?.hasAttribute("data-runs")) return;
  const { start, end } = axis.dataset;
  const now = Math.min(100, (100 * (Date.now() + skew - start)) / (end - start));
  for (const bar of document.querySelectorAll("rect[data-x]")) {
    bar.setAttribute("width", `${Math.max(now - bar.dataset.x, 0.2)}%`);
  }
}

function words(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

tick();
setInterval(tick, 1000);
