// The dates after which documents no longer accept algorithms, and the hosts that still offer them.

const SHOWN_ENDING = 4;

function deadlinesView(model) {
  const rows = model.deadlines.map((deadline, index) => ({ deadline, index, hosts: offering(model, deadline) }));
  for (const row of rows) row.late = row.hosts.filter((host) => isLate(model, host, row.deadline)).length;
  const target = (row) => hostsWith({ deadline: row.index });
  const table = new Table({
    caption: "Dates of documents, and the hosts that offer what ends then",
    rows: rows.filter((row) => row.hosts.length),
    target,
    sort: { id: "until", descending: false },
    columns: [
      {
        id: "until",
        title: "Until",
        className: "date",
        cell: (row) => link(target(row), row.deadline.until),
        value: (row) => row.deadline.until,
      },
      { id: "mandate", title: "Document", className: "second whole", cell: (row) => documentWords(row.deadline), value: (row) => row.deadline.profile },
      { id: "ends", title: "What ends", className: "wide whole", cell: (row) => endingWords(model, row) },
      {
        id: "late",
        title: "Late",
        className: "number third",
        first: "descending",
        cell: (row) => (row.late ? row.late.toLocaleString("en") : ""),
        value: (row) => row.late,
      },
      HOSTS_COLUMN(model.hosts.length),
    ],
  });
  return {
    title: "Deadlines",
    table,
    node: element("div", {},
      heading("Deadlines"),
      element("p", { class: "intro" }, "Dates of published documents, for algorithms that hosts of this report offer. ",
        "A host is late if it was scanned after the date. Dates marked [not verified] were not compared with the document itself."),
      table.node,
      mandatesSection(model)),
  };
}

function deadlineName(deadline) {
  return deadline ? `${deadline.until}, ${deadline.profile}` : "unknown";
}

function offering(model, { category, algorithms }) {
  const names = new Set(algorithms);
  return model.hosts.filter((host) => (host.kind.offers.get(category) ?? []).some((offer) => names.has(offer.algorithm.name)));
}

function isLate(model, host, { until }) {
  return model.date(host).slice(0, 10) > until;
}

function documentWords({ profile, document, where, checked, binding }) {
  const title = [foreign(profile), element("span", { class: "quiet" }, ` ${document}, ${where}${checked ? "" : " [not verified]"}`)];
  return binding ? [title, element("span", { class: "quiet" }, `. For ${binding}`)] : title;
}

/** The names that most hosts offer, and the number of the others. */
function endingWords(model, { deadline, index, hosts }) {
  const { category, algorithms, only_advises: advice } = deadline;
  const names = new Set(algorithms);
  const offered = (host) => (host.kind.offers.get(category) ?? []).filter((offer) => names.has(offer.algorithm.name)).map((offer) => offer.algorithm);
  const found = grouped(hosts, offered, (algorithm) => algorithm.id).sort((a, b) => b.hosts.length - a.hosts.length);
  const shown = found.slice(0, SHOWN_ENDING).map(({ item }, at) => [at ? ", " : "", link(hostsWith({ algorithm: item.id }), foreign(item.name))]);
  const more = found.length - SHOWN_ENDING;
  return [shown, more > 0 ? [" and ", link(hostsWith({ deadline: index }), `${more} more`)] : null, advice ? element("span", { class: "quiet" }, " (advice)") : null];
}

function mandatesSection(model) {
  const kinds = { hybrid: "Hybrid", pure: "Pure ML-KEM", classical: "Classical" };
  const head = element("tr", {}, element("th", { scope: "col" }, "Document"), Object.values(kinds).map((title) => element("th", { scope: "col" }, title)));
  const rows = model.mandates.map((each) => element("tr", {},
    element("th", { scope: "row", title: each.title }, foreign(each.profile)), Object.keys(kinds).map((kind) => element("td", {}, each.kinds[kind]))));
  return section("Key exchanges that each document accepts",
    element("table", { class: "plain" }, element("caption", { class: "unseen" }, "Kinds of key exchanges, by document"), element("thead", {}, head), element("tbody", {}, rows)),
    bullets(model.mandateSentences));
}
