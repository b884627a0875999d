// The list of hosts, with its filters.

const HOST_COLUMNS = (model) => [
  {
    id: "grade",
    title: "Grade",
    className: "narrow",
    cell: (host) => badge(model.verdict(host)?.letter ?? null),
    order: (a, b) => model.worstFirst(a, b),
  },
  {
    id: "host",
    title: "Host",
    className: "host",
    cell: (host) => [
      element("div", { class: "host-name" }, hostLink(model, host)),
      element("div", { class: "below" }, worstOf(model, host)), // instead of a column, on a narrow screen
    ],
    order: (a, b) => a.index - b.index,
  },
  {
    id: "software",
    title: "Software",
    className: "software second",
    cell: (host) => foreign(host.kind.software),
    value: (host) => host.kind.software,
  },
  {
    id: "worst",
    title: "Worst finding",
    className: "worst",
    cell: (host) => worstOf(model, host),
    order: (a, b) => worstOrder(model, a, b),
  },
  {
    id: "findings",
    title: "Findings",
    className: "number third",
    first: "descending",
    cell: (host) => (model.verdict(host) ? String(countOf(model, host)) : ""),
    value: (host) => countOf(model, host),
  },
  {
    id: "complies",
    title: "Complies",
    className: "narrow third",
    cell: (host) => (model.verdict(host) ? compliance(model.verdict(host)) : ""),
    value: (host) => (model.verdict(host) ? compliance(model.verdict(host)) : ""),
  },
];

function countOf(model, host) {
  return sum(model.verdict(host)?.severities ?? []) + host.across.filter((finding) => finding.counts).length;
}

function worstOf(model, host) {
  if (!model.verdict(host)) return element("span", { class: "quiet" }, outcome(host.kind));
  const finding = model.worst(host);
  if (!finding) return element("span", { class: "quiet" }, "nothing above a note");
  return [chip(finding.severity), " ", findingWords(finding)];
}

function outcome(kind) {
  const words = STATUSES[kind.status] ?? kind.status;
  if (!kind.error) return words;
  return [kind.error.includes(words) ? null : `${words}: `, foreign(kind.error)];
}

function worstOrder(model, a, b) {
  const [one, other] = [model.worst(a), model.worst(b)];
  if (!one || !other) return one ? -1 : other ? 1 : 0;
  return severityOrder(one, other) || naturally(one.message, other.message);
}

function hostTable(model, hosts, caption) {
  return new Table({
    caption,
    columns: HOST_COLUMNS(model),
    rows: hosts,
    sort: { id: "grade", descending: false },
    target: (host) => `#host/${encodeURIComponent(model.idOf(host))}`,
  });
}

/** The view of hosts. `filters`: from the address, which follows the choices here. */
function hostsView(model, { filters }) {
  const number = element("p", { class: "count" });
  const table = hostTable(model, [], "Hosts");
  const chips = element("div", { class: "active-filters" });
  const about = element("div");
  const controls = hostControls(model, filters, update);

  function update() {
    const hosts = filtered(model, filters);
    const total = count(model.hosts.length, "host");
    number.textContent = hosts.length === model.hosts.length ? total : `${hosts.length.toLocaleString("en")} of ${total}`;
    say(number.textContent);
    chips.replaceChildren(...filterChips(model, filters, remove));
    about.replaceChildren(...aboutFilters(model, filters, hosts));
    table.setRows(hosts);
    const query = filters.toString();
    history.replaceState(null, "", query ? `#hosts?${query}` : "#hosts");
  }

  function remove(name) {
    filters.delete(name);
    controls.show();
    update();
    document.querySelector("h1").focus();
  }

  return {
    title: "Hosts",
    node: element("div", {}, heading("Hosts", number), controls.node, chips, about, table.node),
    table,
    ready: update,
  };
}

/** Return the fields above the table. `show` updates them from the filters. */
function hostControls(model, filters, changed) {
  const set = (name, value) => {
    if (value) filters.set(name, value);
    else filters.delete(name);
    changed();
  };
  const search = element("input", {
    type: "search", id: "search", placeholder: "Address, name, software, label", oninput: () => set("q", search.value.trim()),
  });
  const grades = gradeButtons(model, filters, set);
  const selects = [
    selectField("complies", "Complies", [["true", "yes"], ["false", "no"], ["null", "unknown"]], filters, set),
    selectField("severity", "With a finding", [["critical,high", "critical or high"], ...SEVERITIES.slice(0, 4).map((each) => [each, each])], filters, set),
    labelField(model, filters, set),
  ].filter(Boolean);
  const show = () => {
    search.value = filters.get("q") ?? "";
    grades.show();
    for (const select of selects) select.show();
  };
  show();
  return {
    show,
    node: element(
      "form",
      { class: "controls", role: "search", "aria-label": "Hosts", onsubmit: (event) => event.preventDefault() },
      element("label", { class: "field" }, element("span", {}, "Search"), search),
      grades.node,
      selects.map((select) => select.node),
    ),
  };
}

function gradeButtons(model, filters, set) {
  const letters = [...gradeCounts(model, model.hosts).keys()];
  const chosen = () => (filters.get("grade") ?? "").split(",").filter(Boolean);
  const toggle = (letter) => {
    const others = chosen().filter((each) => each !== letter);
    set("grade", (others.length < chosen().length ? others : [...others, letter]).join(","));
    show();
  };
  const buttons = letters.map((letter) =>
    element("button", { type: "button", class: "toggle", onclick: () => toggle(letter) }, letter === NOT_GRADED ? ["–", unseen(" not graded")] : letter),
  );
  const show = () => buttons.forEach((button, at) => button.setAttribute("aria-pressed", chosen().includes(letters[at])));
  const node = element("fieldset", { class: "field" }, element("legend", {}, "Grade"), element("div", { class: "toggles" }, buttons));
  return { node, show };
}

function selectField(name, title, choices, filters, set) {
  const options = [["", "any"], ...choices].map(([value, words]) => element("option", { value }, words));
  const select = element("select", { onchange: () => set(name, select.value) }, options);
  return {
    node: element("label", { class: "field" }, element("span", {}, title), select),
    show: () => (select.value = filters.get(name) ?? ""),
  };
}

function labelField(model, filters, set) {
  if (!model.tables.labels.length) return null;
  const labels = [...model.tables.labels].sort(naturally).map((label) => [label, label]);
  return selectField("label", "Label", labels, filters, set);
}

/** Return a chip for each filter without a field, with a button that removes it. */
function filterChips(model, filters, remove) {
  return activeFilters(filters)
    .filter(([name, value]) => !["q", "grade", "complies", "severity"].includes(name) && !(name === "label" && value))
    .map(([name, value]) => {
      const { name: title, words = (same) => same } = FILTERS[name];
      const label = `Remove the filter ${title}`;
      return element("span", { class: "filter-chip" }, `${title}: `, foreign(words(value, model)),
        element("button", { type: "button", "aria-label": label, onclick: () => remove(name) }, "×"));
    });
}

/** Return the facts about the finding, algorithm or key of the filter. */
function aboutFilters(model, filters, hosts) {
  const cards = [];
  const finding = filters.get("finding");
  const known = finding && model.findings.find((each) => isFinding(each, finding));
  if (known) cards.push(aboutFinding(known, model.texts[known.id]));
  const algorithm = model.algorithms.find((each) => each.id === filters.get("algorithm"));
  if (algorithm) cards.push(aboutAlgorithm(algorithm));
  const key = model.keys.find((each) => each.fingerprint === filters.get("key"));
  if (key) cards.push(aboutKey(model, key, hosts));
  return cards;
}

function aboutFinding(finding, text) {
  return element("div", { class: "card about" },
    element("p", { class: "lead" }, chip(finding.severity), " ", findingWords(finding)),
    text ? element("p", {}, text.meaning, " ", text.why) : null,
    facts([
      ["Expected", finding.expected && foreign(finding.expected)],
      ["To fix", (finding.remediation ?? text?.fix) && foreign(finding.remediation ?? text.fix)],
      ["Sources", finding.references.length ? foreign(finding.references.join("; ")) : null],
      ["More", element("code", {}, `sshprobe explain ${finding.id}`)],
    ]));
}

function aboutAlgorithm(algorithm) {
  const weakness = algorithm.weakness || (algorithm.marker ? "a marker, not an algorithm" : "no known weakness");
  return element("div", { class: "card about" },
    element("p", { class: "lead" }, strengthChip(algorithm), " ", weakness),
    algorithm.facts.length ? element("p", { class: "quiet" }, algorithm.facts.join("; ")) : null);
}

function strengthChip({ severity, marker }) {
  return chip(severity ?? (marker ? "marker" : "good"));
}

function aboutKey(model, key, hosts) {
  const agree = model.tables.shared_keys[key.fingerprint];
  const shared = hosts.length > 1 && agree !== undefined;
  const words = agree
    ? "These addresses look identical: one machine, or clones of one image."
    : "Several machines have this key: an attacker who breaks into one can impersonate all.";
  return element("div", { class: "card about" },
    element("p", { class: "lead" }, foreign(key.type), key.bits ? `, ${key.bits} bits` : null),
    shared ? element("p", {}, words) : null,
    element("p", { class: "mono" }, foreign(key.fingerprint)));
}

/** Return a list of facts. Those without a value are left out. */
function facts(pairs) {
  const rows = pairs.filter(([, value]) => value !== null && value !== "" && value !== undefined);
  return element("dl", { class: "facts" }, rows.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
}
