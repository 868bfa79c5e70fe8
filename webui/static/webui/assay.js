// Manners of the keyboard. Every page works without it.
"use strict";
const GO = { o: "/", r: "/runs/", c: "/checks/", m: "/models/", l: "/ledger/", y: "/mirror/", p: "/plan/", s: "/settings/gates/" };
let waiting = false;

function isTyping(target) {
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  const help = document.getElementById("keys");
  if (waiting && GO[event.key]) {
    window.location.assign(GO[event.key]);
  } else if (event.key === "/") {
    const search = document.querySelector("input[type=search]");
    if (search) {
      event.preventDefault();
      search.focus();
    } else {
      window.location.assign("/#search");
    }
  } else if (event.key === "?" && help) {
    help.showModal();
  }
  waiting = event.key === "g";
});

if (window.location.hash === "#search") document.getElementById("search")?.focus();

// How far a run is, as it happens. Without this, and whenever it fails, the page asks by itself.
let listening = null;

function listen() {
  const address = document.getElementById("progress")?.dataset.events;
  if (document.hidden || !address) {
    // A browser has few connections, and nobody looks.
    listening?.close();
    listening = null;
  } else if (!listening) {
    listening = new EventSource(address, { withCredentials: true });
    listening.addEventListener("progress", (event) => showProgress(JSON.parse(event.data)));
    listening.addEventListener("end", () => {
      listening.close();
      window.location.reload();
    });
  }
}

function showProgress(told) {
  const place = document.getElementById("progress");
  for (const number of place.querySelectorAll("[data-told]")) number.textContent = told[number.dataset.told];
  place.querySelector("[data-told=errors]").parentElement.hidden = !told.errors;
  const bar = place.querySelector("progress");
  bar.max = told.total;
  bar.value = told.done;
  bar.textContent = `${told.done} of ${told.total}`;
}

listen();
document.addEventListener("visibilitychange", listen);
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.id === "progress" && listening?.readyState === EventSource.OPEN) event.preventDefault();
});

// An answer as it comes. Without this the button sends its form, and the page comes with the answer.
let asking = null;

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-stream]");
  if (!button) return;
  event.preventDefault();
  if (asking) asking.abort();
  else if (button.form.reportValidity()) tryOut(button);
});

async function tryOut(button) {
  const place = document.getElementById(button.dataset.stream);
  const [said, note, error] = place.querySelectorAll("pre, p");
  const label = button.textContent;
  said.textContent = note.textContent = "";
  error.hidden = true;
  place.hidden = false;
  button.textContent = "Stop";
  asking = new AbortController();
  try {
    await readAloud(button, { said, note, error }, asking.signal);
  } catch (failure) {
    if (failure.name === "AbortError") {
      note.textContent = "Stopped.";
    } else {
      error.textContent = "The connection broke off; try again.";
      error.hidden = false;
    }
  } finally {
    asking = null;
    button.textContent = label;
  }
}

async function readAloud(button, places, signal) {
  const answer = await fetch(button.formAction, {
    method: "POST",
    body: new FormData(button.form),
    headers: { "X-Assay-Stream": "true" },
    signal,
  });
  if (!(answer.headers.get("Content-Type") || "").startsWith("application/x-ndjson")) {
    // Signed out or refused: the page says it better.
    button.form.action = button.formAction;
    button.form.submit();
    return;
  }
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    const lines = (rest + piece.value).split("\n");
    rest = lines.pop();
    lines.forEach((line) => tell(JSON.parse(line), places));
  }
}

function tell(line, { said, note, error }) {
  if (line.text) said.textContent += line.text;
  if (line.note) note.textContent = line.note;
  if (line.error) {
    error.textContent = line.hint ? `${line.error}: ${line.hint}` : line.error;
    error.hidden = false;
  }
}
