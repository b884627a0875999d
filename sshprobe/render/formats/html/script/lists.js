// Findings, algorithms, host keys and labels, and how many hosts have each.

function hostsCell(hosts, total) {
  return [element("span", { class: "share" }, hosts.length.toLocaleString("en")), bar(hosts.length / total)];
}

const HOSTS_COLUMN = (total) => ({
  id: "hosts",
  title: "Hosts",
  className: "number hosts",
  first: "descending",
  cell: (row) => hostsCell(row.hosts, total),
  value: (row) => row.hosts.length,
});

function listView(title, about, table, rows, controls = null) {
  const number = element("p", { class: "count" });
  const show = (found) => {
    number.textContent = count(found.length, ...about);
    table.setRows(found);
  };
  return {
    title,
    node: element("div", {}, heading(title, number), controls?.(show) ?? null, table.node),
    table,
    ready: () => show(rows),
  };
}

/** A search field for a list. `textOfRow`: the searched text of a row. */
function listSearch(rows, textOfRow, more = () => true) {
  return (show, redo = []) => {
    const input = element("input", { type: "search", oninput: update });
    function update() {
      const words = input.value.trim().toLowerCase();
      const found = rows.filter((row) => more(row) && textOfRow(row).toLowerCase().includes(words));
      show(found);
      say(`${found.length} found`);
    }
    redo.push(update);
    return element("label", { class: "field" }, element("span", {}, "Search"), input);
  };
}

function findingsView(model) {
  const rows = model.byFinding().map(({ item, hosts }) => ({ finding: item, hosts }));
  const target = (row) => hostsWith({ finding: row.finding.exact });
  const table = new Table({
    caption: "Findings and the number of hosts with each",
    rows: [],
    target,
    sort: { id: "severity", descending: false },
    columns: [
      {
        id: "severity",
        title: "Severity",
        className: "mark",
        cell: (row) => chip(row.finding.severity),
        order: (a, b) => severityOrder(a.finding, b.finding) || b.hosts.length - a.hosts.length,
      },
      {
        id: "finding",
        title: "Finding",
        className: "wide",
        cell: (row) => link(target(row), findingWords(row.finding)),
        value: (row) => `${row.finding.algorithm ?? ""} ${row.finding.message}`,
      },
      { id: "id", title: "Id", className: "second id", cell: (row) => element("code", {}, row.finding.id), value: (row) => row.finding.id },
      HOSTS_COLUMN(model.hosts.length),
    ],
  });
  const search = listSearch(rows, (row) => `${row.finding.key} ${row.finding.message} ${row.finding.weaknesses.join(" ")}`);
  return listView("Findings", ["finding"], table, rows, (show) => [
    element("div", { class: "controls" }, search(show)), weaknesses(model),
  ]);
}

/** Links to the hosts with each weakness, for any algorithm. */
function weaknesses(model) {
  const found = grouped(model.hosts, (host) => model.found(host).filter((each) => each.counts).flatMap((each) => each.weaknesses), (code) => code);
  if (!found.length) return null;
  found.sort((a, b) => b.hosts.length - a.hosts.length);
  const items = found.map(({ item, hosts }) =>
    element("li", {}, link(hostsWith({ weakness: item }), item, " ", element("span", { class: "quiet" }, String(hosts.length)))));
  return element("nav", { class: "codes", "aria-label": "Hosts by weakness" }, element("h2", {}, "By weakness"), element("ul", {}, items));
}

function algorithmsView(model) {
  const rows = model.byAlgorithm().map(({ item, hosts }) => ({ algorithm: item, hosts }));
  const target = (row) => hostsWith({ algorithm: row.algorithm.id });
  const strength = (row) => STRENGTHS.indexOf(row.algorithm.severity ?? (row.algorithm.marker ? "marker" : "good"));
  const table = new Table({
    caption: "Algorithms and the number of hosts that offer each",
    rows: [],
    target,
    sort: { id: "strength", descending: false },
    columns: [
      {
        id: "strength",
        title: "Weakness",
        className: "mark",
        cell: (row) => strengthChip(row.algorithm),
        order: (a, b) => strength(a) - strength(b) || b.hosts.length - a.hosts.length,
      },
      {
        id: "name",
        title: "Algorithm",
        className: "wide",
        cell: (row) => link(target(row), foreign(row.algorithm.name)),
        value: (row) => row.algorithm.name,
      },
      { id: "type", title: "Type", className: "type", cell: (row) => TYPES[row.algorithm.type], value: (row) => TYPES[row.algorithm.type] },
      { id: "why", title: "Why", className: "second", cell: (row) => row.algorithm.weakness.split(":")[0], value: (row) => row.algorithm.weakness },
      HOSTS_COLUMN(model.hosts.length),
    ],
  });
  let type = "";
  const search = listSearch(rows, (row) => `${row.algorithm.name} ${row.algorithm.weakness}`, (row) => !type || row.algorithm.type === type);
  return listView("Algorithms", ["algorithm"], table, rows, (show) => {
    const redo = [];
    const field = search(show, redo);
    const types = selectField("type", "Type", Object.entries(TYPES), new URLSearchParams(), (_, value) => {
      type = value;
      redo[0]();
    });
    return element("div", { class: "controls" }, field, types.node);
  });
}

function keysView(model) {
  const { key_findings: findings, shared_keys: shared } = model.tables;
  const all = model.byKey().map(({ item, hosts }) => ({ key: item, hosts, findings: findings[item.fingerprint] ?? [] }));
  const notable = all.filter((row) => row.findings.length);
  const target = (row) => hostsWith({ key: row.key.fingerprint });
  const table = new Table({
    caption: "Host keys and the number of hosts with each",
    rows: [],
    target,
    sort: { id: "hosts", descending: true },
    columns: [
      {
        id: "key",
        title: "Fingerprint",
        className: "key mono",
        cell: (row) => link(target(row), foreign(row.key.fingerprint)),
        value: (row) => row.key.fingerprint,
      },
      { id: "type", title: "Type", className: "key-type second", cell: (row) => foreign(row.key.type), value: (row) => row.key.type },
      { id: "bits", title: "Bits", className: "number third", first: "descending", cell: (row) => String(row.key.bits ?? ""), value: (row) => row.key.bits ?? 0 },
      {
        id: "findings",
        title: "Findings",
        className: "second",
        cell: (row) => row.findings.map((id) => keyWords(id, shared[row.key.fingerprint])).join(", "),
        value: (row) => row.findings.join(" "),
      },
      HOSTS_COLUMN(model.hosts.length),
    ],
  });
  return listView("Host keys", ["host key"], table, notable.length ? notable : all, (show) => {
    const box = element("input", { type: "checkbox", onchange: () => show(box.checked ? all : notable) });
    const words = `Show all ${all.length.toLocaleString("en")} keys, not only those with a finding`;
    return notable.length && notable.length < all.length
      ? element("div", { class: "controls" }, element("label", { class: "check" }, box, words))
      : null;
  });
}

function keyWords(id, agree) {
  const words = id.slice(id.indexOf(".") + 1).replaceAll("_", " ");
  return words === "shared" && agree ? "shared (one machine or clones)" : words;
}

function labelsView(model) {
  const found = grouped(model.hosts, (host) => (host.labels.length ? host.labels : [""]), (label) => label);
  const rows = found.map(({ item, hosts }) => ({
    label: item, hosts, complying: hosts.filter((host) => model.verdict(host)?.compliant).length,
    grades: gradeCounts(model, hosts),
    graded: hosts.filter((host) => model.verdict(host)).length,
  }));
  const target = (row) => hostsWith({ label: row.label });
  const table = new Table({
    caption: "Labels and the grades of their hosts",
    rows: [],
    target,
    sort: { id: "label", descending: false },
    columns: [
      { id: "label", title: "Label", className: "wide", cell: (row) => link(target(row), row.label ? foreign(row.label) : "(none)"), value: (row) => row.label },
      { id: "grades", title: "Grades", className: "second", cell: (row) => gradeStack(row.grades) },
      {
        id: "complying",
        title: "Comply",
        className: "number comply",
        first: "descending",
        cell: (row) => (row.graded ? `${row.complying.toLocaleString("en")} (${percent(row.complying, row.graded)})` : ""),
        value: (row) => (row.graded ? row.complying / row.graded : -1),
      },
      HOSTS_COLUMN(model.hosts.length),
    ],
  });
  return listView("Labels", ["label"], table, rows);
}
