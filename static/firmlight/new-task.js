// The form of a new task: what can be told before anything is sent is told beside the field, and a file can be dropped.

const form = document.getElementById("new-task");
const file = form.querySelector("input[type=file]");
const drop = document.getElementById("drop");
const words = document.getElementById("drop-words");
const unasked = words?.innerHTML;
const without = document.getElementById("no-file");

document.getElementById("preview-button").hidden = true; // it is asked for by itself

// What is wrong with a field, in a sentence; "" for nothing.
function wrong(field) {
  const { validity, value } = field;
  if (validity.valueMissing) return "This is needed.";
  if (validity.badInput || validity.stepMismatch) return field.step === "any" ? "This must be a number." : "This must be a whole number.";
  if (validity.rangeOverflow) return `At most ${Number(field.max).toLocaleString("en")}.`;
  if (validity.rangeUnderflow) return `At least ${Number(field.min).toLocaleString("en")}.`;
  if (!validity.valid) return field.validationMessage;
  if ("digits" in field.dataset) return wrongDigit(value.trim());
  if ("numbers" in field.dataset) return wrongNumber(value);
  if ("lines" in field.dataset) return wrongLine(value, field.dataset);
  return field === file ? wrongFile() : "";
}

function wrongDigit(text) {
  const at = [...text].findIndex((letter) => !/[0-9]/.test(letter));
  return at < 0 ? "" : `Place ${at + 1} is “${[...text][at]}”. Only the digits 0 to 9 can stand here.`;
}

function wrongNumber(text) {
  const word = text.split(/[\s,;]+/).find((one) => one && !Number.isFinite(Number(one)));
  return word ? `“${word.slice(0, 40)}” is not a number.` : "";
}

function wrongLine(text, { lines, linesMax }) {
  const given = text.split("\n").map((line) => line.trim()).filter(Boolean);
  if (linesMax && given.length > linesMax) return `At most ${linesMax} lines; there are ${given.length}.`;
  const at = lines ? given.findIndex((line) => !new RegExp(lines).test(line)) : -1;
  return at < 0 ? "" : `Line ${at + 1}, “${given[at].slice(0, 80)}”, does not look as it must.`;
}

function wrongFile() {
  const [chosen] = file.files;
  if (!chosen) return "";
  if (chosen.size > Number(file.dataset.bytesMax)) return `The file has ${size(chosen.size)}; at most ${size(file.dataset.bytesMax)}.`;
  const fits = file.accept.split(",").some((suffix) => chosen.name.toLowerCase().endsWith(suffix));
  return fits ? "" : `The name must end with one of ${file.accept.replaceAll(",", ", ")}.`;
}

const size = (bytes) => (bytes < 1e6 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

// Say it where the server says it, too.
function tell(field) {
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
  tell(target);
  if (target === file) showFile();
});
form.addEventListener("input", ({ target }) => {
  if (target.getAttribute("aria-invalid")) tell(target);
});
form.addEventListener("submit", (event) => {
  const first = [...form.elements].filter((field) => tell(field))[0];
  if (!first) return;
  event.preventDefault();
  first.closest("details")?.setAttribute("open", "");
  first.focus();
});

// Nothing is asked of the server as long as it is known to be wrong, or nothing is there.
form.addEventListener("htmx:confirm", (event) => {
  const lacks = [...form.elements].some((field) => field.willValidate && wrong(field));
  const texts = [...form.querySelectorAll("[name^='param-']:not([type=checkbox])")];
  if (lacks || !(file?.files.length || texts.some((field) => field.value.trim()))) event.preventDefault();
});

// Files

function showFile() {
  const [chosen] = file.files;
  if (chosen) words.textContent = `${chosen.name}, ${size(chosen.size)}`;
  else words.innerHTML = unasked;
  without.hidden = !chosen;
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
