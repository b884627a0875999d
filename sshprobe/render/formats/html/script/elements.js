// Makes elements. Text of servers becomes only text nodes: no code here reads markup.

/** Return an element. Attributes that are null, undefined or false are left out; "on..." adds a listener. */
function element(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** Return an element of SVG. */
function drawing(name, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function fill(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

/** Text from a server or a records file, isolated so that it does not reorder the text around it. */
function foreign(text) {
  return element("bdi", { class: "foreign" }, text);
}

function link(target, ...children) {
  return element("a", { href: target }, ...children);
}

function unseen(text) {
  return element("span", { class: "unseen" }, text);
}

/** The badge of a grade. A "?" in it means that not everything was seen. */
function badge(letter) {
  if (letter === null) return element("span", { class: "grade grade-none" }, "–", unseen(" not graded"));
  const base = letter.replace("?", "");
  const words = letter === base ? null : unseen(" not everything was seen");
  return element("span", { class: `grade grade-${base.replace("+", "-plus")}` }, letter, words);
}

function chip(severity) {
  return element("span", { class: `chip chip-${severity}` }, severity);
}

/** Names of a host: its place, and its further name. */
function hostLink(model, host) {
  const name = host.name ? [" ", element("span", { class: "quiet" }, foreign(host.name))] : null;
  return [link(`#host/${encodeURIComponent(model.idOf(host))}`, foreign(host.place)), name];
}

/** The subject and the message of a finding. */
function findingWords(finding) {
  const about = finding.algorithm ? foreign(finding.algorithm) : { group_exchange: "group exchange" }[finding.category];
  return [about ? [about, ": "] : null, foreign(finding.message)];
}

function heading(text, ...beside) {
  return element("header", { class: "view-heading" }, element("h1", { tabindex: "-1" }, text), ...beside);
}

function section(title, ...children) {
  return element("section", { class: "card" }, element("h2", {}, title), ...children);
}

/** A button that copies text, or selects it where the page may not copy. */
function copyButton(source) {
  const button = element("button", { type: "button", class: "button", onclick: copy }, "Copy");
  async function copy() {
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(source);
      button.textContent = "Selected";
    }
    say(button.textContent);
    setTimeout(() => (button.textContent = "Copy"), 2000);
  }
  return button;
}

/** Notify screen readers. The pause skips intermediate states while the user types. */
function say(text) {
  clearTimeout(say.timer);
  say.timer = setTimeout(() => (document.getElementById("live").textContent = text), 400);
}
