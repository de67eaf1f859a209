// Parts of a page that come over /ws/live/ are put in place, so that nothing jumps: a part is changed where it stands,
// and focus, selection and scroll stay.

import { Idiomorph } from "../vendor/idiomorph/idiomorph-0.8.0.esm.js";

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

// Make `now` look like `next`, touching only what differs. Idiomorph matches elements by their ids: one with an id is
// changed into nothing else, so the focused button stays while the buttons beside it come and go.
export function change(now, next) {
  const [changed] = Idiomorph.morph(now, next);
  localTimes(changed);
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

// Times of the day in the reader's own zone.
const ofDay = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
export function localTimes(root) {
  for (const time of root.querySelectorAll?.("time[data-clock]") ?? []) {
    time.textContent = ofDay.format(new Date(time.dateTime));
    time.title = exact.format(new Date(time.dateTime));
  }
}

localTimes(document);
