// Parts of a page that come over /ws/live/ are put in place, so that nothing jumps: a part is changed where it stands,
// and focus, selection and scroll stay.

// Change a part or add it: at the end of its place, or where `add(home, next)` says.
export function put(id, place, html, add = (home, next) => home.append(next)) {
  const next = parse(html, place);
  const now = document.getElementById(id);
  if (now) return change(now, next);
  const home = document.getElementById(place);
  if (!home) return;
  add(home, next);
  localTimes(next);
}

// Make `now` look like `next`, touching only what differs.
export function change(now, next) {
  if (!isSame(now, next)) return now.replaceWith(next);
  morph(now, next);
  localTimes(now);
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

// What has an id is changed into nothing else: a button that is no longer there goes, and the one beside it stays.
const isSame = (now, next) => now.nodeType === next.nodeType && now.nodeName === next.nodeName && now.id === next.id;

function morph(now, next) {
  if (now.nodeType !== Node.ELEMENT_NODE) {
    if (now.data !== next.data) now.data = next.data;
    return;
  }
  for (const { name } of [...now.attributes]) if (!next.hasAttribute(name)) now.removeAttribute(name);
  for (const { name, value } of [...next.attributes]) if (now.getAttribute(name) !== value) now.setAttribute(name, value);
  if (now.hasAttribute("data-clock") && now.dateTime === now.dataset.shown) return; // it shows the reader's own time
  morphChildren(now, [...next.childNodes]);
}

function morphChildren(home, fresh) {
  const ids = new Set(fresh.map((child) => child.id));
  for (const child of [...home.children]) if (child.id && !ids.has(child.id)) child.remove();
  let now = home.firstChild;
  for (const next of fresh) {
    if (!now || !isSame(now, next)) {
      home.insertBefore(next, now);
      continue;
    }
    morph(now, next);
    now = now.nextSibling;
  }
  for (const child of [...home.childNodes].slice(fresh.length)) child.remove();
}

// Times of the day in the reader's own zone.
const ofDay = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
export function localTimes(root) {
  for (const time of root.querySelectorAll?.("time[data-clock]") ?? []) {
    time.textContent = ofDay.format(new Date(time.dateTime));
    time.title = exact.format(new Date(time.dateTime));
    time.dataset.shown = time.dateTime;
  }
}

localTimes(document);
