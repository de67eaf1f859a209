// The form of a new task: checks fields before anything is sent, takes a file by drag and drop, and shows a preview.

const form = document.getElementById("new-task");
const file = form.querySelector("input[type=file]");
const drop = document.getElementById("drop");
const words = document.getElementById("drop-words");
const unasked = words?.innerHTML;
const without = document.getElementById("no-file");
const firstLines = document.getElementById("first-lines");
const before = document.getElementById("before");
const previewButton = document.getElementById("preview-button");
const SENT_UNASKED_BYTES = 8e6; // a larger file is sent for a preview only on request
const FIRST_BYTES = 4096;
const FIRST_LINES = 6;
let previewed = ""; // the input of the preview that is shown or under way

previewButton.hidden = true; // previews come without it

// A sentence that says what is wrong with a field, or "".
function wrong(field) {
  const { validity, value } = field;
  if (validity.valueMissing) return "This is needed.";
  if (validity.badInput || validity.stepMismatch) return field.step === "any" ? "This must be a number." : "This must be a whole number.";
  if (validity.rangeOverflow) return `At most ${Number(field.max).toLocaleString("en")}.`;
  if (validity.rangeUnderflow) return `At least ${Number(field.min).toLocaleString("en")}.`;
  if (!validity.valid) return field.validationMessage;
  if (value.trim() === "" && field !== file) return "";
  return wrongValue(field, value);
}

function wrongValue(field, value) {
  const { above, below, pattern, textMax } = field.dataset;
  if (above && Number(value) <= above) return `More than ${Number(above).toLocaleString("en")}.`;
  if (below && Number(value) >= below) return `Less than ${Number(below).toLocaleString("en")}.`;
  if (pattern && !new RegExp(pattern).test(value)) return "This does not have the required form.";
  if (value.length > Number(textMax)) return `This is ${size(value.length)} of text; at most ${size(textMax)}.`;
  if ("digits" in field.dataset) return wrongDigit(value.trim());
  if ("numbers" in field.dataset) return wrongNumber(value, field.dataset.numbers);
  if ("json" in field.dataset) return wrongJson(value);
  if ("lines" in field.dataset) return wrongLine(value, field.dataset);
  return field === file ? wrongFile() : "";
}

function wrongDigit(text) {
  const digits = text.replace(/^\+/, "");
  const at = [...digits].findIndex((letter) => !/[0-9]/.test(letter));
  return at < 0 ? "" : `Place ${at + 1 + text.length - digits.length} is “${[...digits][at]}”. Only the digits 0 to 9 can stand here.`;
}

function wrongNumber(text, whole) {
  const form = whole ? /^[+-]?\d+$/ : /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
  const unclear = unclearComma(text);
  if (unclear) return `“${unclear.slice(0, 80)}” may be one number, or several with commas between them: write a decimal point and no thousands separators, or a blank after each comma that stands between numbers.`;
  const word = text.split(/[\s,;]+/).find((one) => one && !form.test(one));
  return word ? `“${word.slice(0, 80)}” is not a ${whole ? "whole " : ""}number.` : "";
}

// The first word that may be one number with a decimal comma or thousands separators, unless another word shows that
// commas separate numbers. The server has the same rule (firmlight_client/kinds/number_words.py).
function unclearComma(text) {
  const one = /^[+-]?((\d{1,3}(\.\d{3})+|\d*),\d+(e[+-]?\d+)?|\d{1,3}(,\d{3})+(\.\d*)?)$/i;
  const words = text.split(/[\s;]+/).filter((word) => word.includes(","));
  const isList = (word) => /[^,],+[^,]/.test(word) && !one.test(word.replace(/^,+|,+$/g, ""));
  const unclear = words.find((word) => one.test(word.replace(/,$/, "")));
  return unclear && !words.some(isList) ? unclear : "";
}

function wrongJson(text) {
  try {
    JSON.parse(text);
    return "";
  } catch (error) {
    return `This cannot be read as JSON: ${error.message}.`;
  }
}

function wrongLine(text, { lines, linesMax }) {
  const given = text.split("\n").map((line) => line.trim()).filter(Boolean);
  if (linesMax && given.length > linesMax) return `At most ${linesMax} lines; there are ${given.length}.`;
  const at = lines ? given.findIndex((line) => !new RegExp(lines).test(line)) : -1;
  return at < 0 ? "" : `Line ${at + 1}, “${given[at].slice(0, 80)}”, does not have the required form.`;
}

function wrongFile() {
  const [chosen] = file.files;
  if (!chosen) return "";
  if (chosen.size > Number(file.dataset.bytesMax)) return `The file has ${size(chosen.size)}; at most ${size(file.dataset.bytesMax)}.`;
  const fits = file.accept.split(",").some((suffix) => chosen.name.toLowerCase().endsWith(suffix));
  return fits ? "" : `The name must end with one of ${file.accept.replaceAll(",", ", ")}.`;
}

const size = (bytes) => (bytes < 1e6 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

// Show what is wrong where the server shows it, too; returns the sentence.
function showError(field) {
  const sentence = field.willValidate ? wrong(field) : "";
  const id = `${field.id}_error`;
  let place = document.getElementById(id);
  if (!place && sentence) {
    place = document.createElement("div");
    place.id = id;
    if (field === file) document.getElementById("file-error").replaceChildren(place);
    else field.after(place);
  }
  if (!place) return sentence;
  place.innerHTML = sentence ? '<p class="error"><svg class="i" viewBox="0 0 16 16" aria-hidden="true"><use href="#i-alert"/></svg><span></span></p>' : "";
  if (sentence) place.querySelector("span").textContent = sentence;
  mark(field, id, sentence);
  return sentence;
}

function mark(field, id, sentence) {
  const others = (field.getAttribute("aria-describedby") ?? "").split(" ").filter((one) => one && one !== id);
  field.setAttribute("aria-describedby", (sentence ? [...others, id] : others).join(" "));
  if (sentence) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}

form.addEventListener("change", ({ target }) => {
  showError(target);
  if (target === file) {
    for (const field of form.querySelectorAll("[name^='file-param-']")) field.value = ""; // they belonged to another file
    showFile();
  }
});
form.addEventListener("input", ({ target }) => {
  if (target.getAttribute("aria-invalid")) showError(target);
});
form.addEventListener("submit", (event) => {
  const first = [...form.elements].filter((field) => showError(field))[0];
  if (!first) return;
  event.preventDefault();
  first.closest("details")?.setAttribute("open", "");
  first.focus();
});

// The preview. No request is sent while the input is empty, known to be wrong, or the same as before. `change` and
// `input` of all fields come here, but only what the kind computes with counts as input.

const counts = (name) => name === "file" || name.startsWith("param-") || name.startsWith("file-param-");
const known = (value) => (value instanceof File ? [value.name, value.size, value.lastModified] : value);
const input = () => JSON.stringify([...new FormData(form)].filter(([name]) => counts(name)).map(([name, value]) => [name, known(value)]));
const isEmpty = () => !(file?.files.length || [...form.querySelectorAll("[name^='param-']:not([type=checkbox])")].some((field) => field.value.trim()));
const isLarge = () => file?.files[0]?.size > SENT_UNASKED_BYTES;

form.addEventListener("htmx:confirm", (event) => {
  const asked = event.detail.triggeringEvent?.type === "preview";
  const wanted = input();
  if (wanted === previewed && !asked) return event.preventDefault();
  if ([...form.elements].some((field) => field.willValidate && wrong(field))) return notYet(event, "Something in the form is not right yet.");
  if (isEmpty()) return notYet(event, "Nothing is given yet.");
  if (isLarge() && !asked) return notYet(event, "The file is large: it is sent for a preview only if you ask for it.");
  previewed = wanted;
  before.dataset.stale = "";
});

function notYet(event, sentence) {
  event.preventDefault();
  htmx.trigger(form, "htmx:abort"); // the answer under way is to an older input
  previewed = "";
  delete before.dataset.stale;
  const said = Object.assign(document.createElement("p"), { className: "card-body small muted", textContent: sentence });
  before.replaceChildren(said);
}

form.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (detail.successful || detail.xhr.status === 422) delete before.dataset.stale;
  else if (detail.xhr.status) previewed = ""; // the next change asks again
});

previewButton.addEventListener("click", (event) => {
  event.preventDefault();
  htmx.trigger(form, "preview");
});

// Files

async function showFile() {
  const [chosen] = file.files;
  if (chosen) words.textContent = `${chosen.name}, ${size(chosen.size)}`;
  else words.innerHTML = unasked;
  without.hidden = !chosen;
  previewButton.hidden = !isLarge();
  document.getElementById("lost-file")?.remove();
  const text = chosen && /\.(csv|tsv|txt)$/i.test(chosen.name) ? await chosen.slice(0, FIRST_BYTES).text() : "";
  if (chosen !== file.files[0]) return; // another one was chosen meanwhile
  firstLines.hidden = !text.trim();
  firstLines.textContent = beginning(text, chosen?.size > FIRST_BYTES);
}

// The first lines. `isPiece`: only the beginning of the file was read, so its last line may be cut off.
function beginning(text, isPiece) {
  const lines = text.split(/\r?\n/);
  const whole = isPiece && lines.length > 1 ? lines.slice(0, -1) : lines;
  const shown = whole.slice(0, FIRST_LINES).map((line) => (line.length > 200 ? `${line.slice(0, 200)} …` : line));
  return shown.concat(isPiece || whole.filter(Boolean).length > FIRST_LINES ? ["…"] : []).join("\n").trimEnd();
}

if (file) {
  for (const [event, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
    drop.addEventListener(event, (happened) => {
      happened.preventDefault();
      drop.dataset.over = over;
    });
  }
  drop.addEventListener("drop", ({ dataTransfer }) => {
    file.files = dataTransfer.files;
    file.dispatchEvent(new Event("change", { bubbles: true }));
  });
  without.addEventListener("click", () => {
    file.value = "";
    file.dispatchEvent(new Event("change", { bubbles: true }));
    file.focus();
  });
}
