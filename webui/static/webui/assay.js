// Manners of the keyboard. Every page works without it.
"use strict";
const GO = { o: "/", r: "/runs/", m: "/models/", l: "/ledger/", y: "/mirror/", p: "/plan/", s: "/settings/gates/" };
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
