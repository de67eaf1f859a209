// The live page of one task: parts of it come over /ws/live/ and are put in place, so that nothing jumps. A part is
// changed where it stands: focus, selection and scroll stay. docs/protocol.md has the messages.

const RETRY_MS = [500, 15000]; // first, longest
const SILENT_MS = 2000; // before a lost connection is said
const NOT_LOGGED_IN = 4401;

const page = document.getElementById("task");
const offline = document.getElementById("offline");
const title = document.title;
let wait = RETRY_MS[0];
let saying = 0;

function connect() {
  const socket = new WebSocket(new URL("/ws/live/", location.href.replace(/^http/, "ws")));
  socket.onopen = () => socket.send(JSON.stringify({ type: "subscribe", task: page.dataset.task, view: "page" }));
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.type !== "page") return;
    wait = RETRY_MS[0];
    heal();
    show(message);
  };
  socket.onclose = ({ code }) => {
    if (code === NOT_LOGGED_IN) return location.reload();
    saying ||= setTimeout(() => { offline.hidden = false; }, SILENT_MS);
    setTimeout(connect, wait * (0.5 + Math.random() / 2));
    wait = Math.min(2 * wait, RETRY_MS[1]);
  };
}

function heal() {
  clearTimeout(saying);
  saying = 0;
  offline.hidden = true;
}

function show({ parts, gone }) {
  const before = status();
  for (const [id, place, html] of parts) put(id, place, html);
  for (const id of gone) document.getElementById(id === "axis" ? "" : id)?.remove();
  if (status() !== before) refresh();
  tick();
}

const status = () => document.getElementById("progress").dataset.status;

function put(id, place, html) {
  const next = parse(html, place);
  const now = document.getElementById(id);
  if (now) return morph(now, next);
  const home = document.getElementById(place);
  if (!home) return;
  if (place === "events") home.prepend(next); // the newest on top
  else home.append(next);
  localTimes(next);
}

// Rows of a table and shapes of a drawing are parsed where they may stand.
function parse(html, place) {
  const home = document.getElementById(place);
  if (home?.namespaceURI.endsWith("svg")) {
    const svg = document.createElementNS(home.namespaceURI, "svg");
    svg.innerHTML = html;
    return svg.firstElementChild;
  }
  const box = document.createElement("template");
  box.innerHTML = html;
  return box.content.firstElementChild;
}

// Make `now` look like `next`, touching only what differs.
function morph(now, next) {
  if (now.nodeType !== next.nodeType || now.nodeName !== next.nodeName) return now.replaceWith(next);
  if (now.nodeType === Node.TEXT_NODE) {
    if (now.data !== next.data) now.data = next.data;
    return;
  }
  for (const { name } of [...now.attributes]) if (!next.hasAttribute(name)) now.removeAttribute(name);
  for (const { name, value } of [...next.attributes]) if (now.getAttribute(name) !== value) now.setAttribute(name, value);
  if (now.hasAttribute("data-clock") && now.dateTime === now.dataset.shown) return; // it shows the reader's own time
  const [old, fresh] = [[...now.childNodes], [...next.childNodes]];
  for (const [at, child] of fresh.entries()) {
    if (old[at]) morph(old[at], child);
    else now.append(child);
  }
  for (const child of old.slice(fresh.length)) child.remove();
  localTimes(now);
}

// What depends on who looks (buttons, the result) is asked for anew when the status changes.
async function refresh() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const whole = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const id of ["task-head", "task-result"]) {
    const [now, next] = [document.getElementById(id), whole.getElementById(id)];
    if (!now || !next) continue;
    now.replaceChildren(...next.childNodes);
    htmx.process(now);
    localTimes(now);
  }
}

// Times of the day in the reader's own zone.
const ofDay = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
function localTimes(root) {
  for (const time of root.querySelectorAll?.("time[data-clock]") ?? []) {
    time.textContent = ofDay.format(new Date(time.dateTime));
    time.title = exact.format(new Date(time.dateTime));
    time.dataset.shown = time.dateTime;
  }
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

localTimes(document);
tick();
setInterval(tick, 1000);
connect();
