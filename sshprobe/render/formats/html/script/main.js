// Chooses the view that the address names, and follows the theme, scrolling and print.

const VIEWS = {
  overview: { title: "Overview", make: overviewView },
  hosts: { title: "Hosts", make: hostsView },
  findings: { title: "Findings", make: findingsView },
  algorithms: { title: "Algorithms", make: algorithmsView },
  keys: { title: "Host keys", make: keysView },
  labels: { title: "Labels", make: labelsView },
  fixes: { title: "Fixes", make: fixesView },
  deadlines: { title: "Deadlines", make: deadlinesView },
  changes: { title: "Changes", make: changesView },
  host: { title: "Host", make: hostView },
};

let model = null;
let table = null;
const places = new Map(); // the scroll position of each address
let shown = "";
const report = document.title;

function show(first = false) {
  const address = parseAddress(location.hash);
  const view = address.view === "host" || (address.view in VIEWS && isUseful(address.view)) ? VIEWS[address.view] : VIEWS.overview;
  const { title, node, table: found = null, ready } = view.make(model, address);
  table = found;
  document.getElementById("main").replaceChildren(node);
  ready?.();
  table?.measure();
  document.title = `${title} · ${report}`;
  markLinks(address.view === "host" ? "hosts" : address.view);
  shown = location.hash;
  if (first) return;
  scrollTo(0, places.get(location.hash) ?? 0);
  node.querySelector("h1")?.focus({ preventScroll: true });
}

function markLinks(view) {
  for (const link of document.querySelectorAll("#views a")) {
    if (link.hash === `#${view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function makeNavigation() {
  const items = Object.entries(VIEWS).filter(([name]) => isUseful(name)).map(([name, { title }]) => element("li", {}, link(`#${name}`, title)));
  document.getElementById("views").replaceChildren(element("ul", {}, items));
  const tools = document.getElementById("tools");
  if (model.tables.profiles.length > 1) tools.append(profileField());
  tools.append(themeButton());
}

function isUseful(view) {
  return { host: false, labels: model.tables.labels.length > 0, fixes: model.fixes.length > 0, changes: model.changes !== null, deadlines: model.tables.algorithms.length > 0 && model.deadlines.length > 0 }[view] ?? true;
}

function profileField() {
  const options = model.tables.profiles.map((id) => element("option", { value: id }, id));
  const select = element("select", { onchange: change }, options);
  function change() {
    model.profile = select.value;
    show(true);
    say(`Grades are those of ${select.value}`);
  }
  return element("label", { class: "profile" }, element("span", {}, "Profile"), select);
}

function themeButton() {
  const root = document.documentElement;
  const isDark = () => (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const button = element("button", { type: "button", class: "button", onclick: turn });
  const chosen = remembered("theme");
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
  function name() {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `${button.textContent} colours`);
  }
  function turn() {
    root.dataset.theme = isDark() ? "light" : "dark";
    remember("theme", root.dataset.theme);
    name();
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", name);
  name();
  return button;
}

function remember(name, value) {
  try {
    localStorage.setItem(`sshprobe-${name}`, value);
  } catch {
    // A browser may forbid storage for files: then the choice lasts until the page is closed.
  }
}

function remembered(name) {
  try {
    return localStorage.getItem(`sshprobe-${name}`);
  } catch {
    return null;
  }
}

function follow() {
  let waiting = false;
  let printing = false;
  const redraw = () => {
    if (printing) return; // print has its own rows, and its layout fires "resize"
    if (!waiting) requestAnimationFrame(() => ((waiting = false), table?.draw()));
    waiting = true;
  };
  addEventListener("scroll", () => (places.set(shown, scrollY), redraw()), { passive: true });
  addEventListener("resize", redraw);
  addEventListener("hashchange", () => show());
  document.querySelector(".skip").addEventListener("click", skip);
  addEventListener("beforeprint", () => ((printing = true), table?.draw(true)));
  addEventListener("afterprint", () => ((printing = false), table?.draw()));
}

/** The address names the view, so the link to the content must not change it. */
function skip(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

async function start() {
  model = new Model(await unpack(document.getElementById("data").textContent));
  makeNavigation();
  follow();
  show(true);
  document.documentElement.dataset.ready = "";
}

start().catch((error) => {
  document.getElementById("live").textContent = "";
  document.getElementById("failed").textContent = `The list of all hosts cannot be shown in this browser: ${error.message}`;
});
