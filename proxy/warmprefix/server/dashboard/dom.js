// Elements from text. Everything that is shown passes through here, and nothing becomes markup.

import { plain } from "./format.js";

// An element with properties, attributes (`aria-…`, `data-…`, `for`) and children; null is left out.
export function make(tag, options = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (value === null || value === undefined) continue;
    if (name.includes("-") || name === "role" || name === "for") {
      element.setAttribute(name, plain(String(value)));
    } else {
      element[name] = typeof value === "string" ? plain(value) : value;
    }
  }
  element.append(...children.flat().filter((child) => child !== null).map(inert));
  return element;
}

function inert(child) {
  return child instanceof Node ? child : document.createTextNode(plain(String(child)));
}

export function byId(id) {
  return document.getElementById(id);
}

// Set text only if it changes: a live region speaks at every change.
export function say(element, text) {
  const shown = plain(text);
  if (element.textContent !== shown) element.textContent = shown;
}

// A line to copy, with the button that does it.
export function copyable(line, label) {
  const code = make("code", {}, line);
  const button = make("button", { type: "button", className: "copy", "aria-label": `Copy ${label}` }, "Copy");
  button.addEventListener("click", async () => {
    button.textContent = (await copy(line, code)) ? "Copied" : "Press Ctrl+C";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
  return make("div", { className: "copyable" }, code, button);
}

// Pages that came over plain HTTP from another machine cannot use the clipboard: the line is then selected, and
// copied the old way if the browser still can.
async function copy(line, code) {
  try {
    await navigator.clipboard.writeText(line);
    return true;
  } catch {
    getSelection().selectAllChildren(code);
    return document.execCommand("copy");
  }
}
