// Filters of hosts. They are in the address of the page, so that a view can be bookmarked and sent.

const FILTERS = {
  q: { name: "Text", test: (model, host, value) => textOf(host).includes(value.toLowerCase()) },
  grade: {
    name: "Grade",
    test: (model, host, value) => value.split(",").includes(model.letter(host) ?? NOT_GRADED),
    words: (value) => value.split(",").map((letter) => (letter === NOT_GRADED ? "not graded" : letter)).join(", "),
  },
  complies: {
    name: "Complies",
    test: (model, host, value) => {
      const verdict = model.verdict(host);
      return verdict !== null && String(verdict.compliant) === value;
    },
    words: (value) => ({ true: "yes", false: "no", null: "unknown" })[value] ?? value,
  },
  severity: {
    name: "Severity",
    test: (model, host, value) =>
      model.found(host).some((finding) => finding.counts && value.split(",").includes(finding.severity)),
    words: (value) => value.split(",").join(" or "),
  },
  finding: {
    name: "Finding",
    test: (model, host, value) => model.found(host).some((each) => isFinding(each, value)),
    words: (value) => value.split("|")[0],
  },
  weakness: {
    name: "Weakness",
    test: (model, host, value) => model.found(host).some((each) => each.counts && each.weaknesses.includes(value)),
  },
  algorithm: {
    name: "Algorithm",
    test: (model, host, value) => {
      const [type, ...name] = value.split("/");
      return (host.kind.offers.get(type) ?? []).some((offer) => offer.algorithm.name === name.join("/"));
    },
    words: (value) => value.slice(value.indexOf("/") + 1),
  },
  deadline: {
    name: "Deadline",
    test: (model, host, value) => offering({ hosts: [host] }, model.deadlines[Number(value)] ?? { algorithms: [] }).length > 0,
    words: (value, model) => deadlineName(model.deadlines[Number(value)]),
  },
  key: {
    name: "Host key",
    test: (model, host, value) => host.keys.some((key) => key.fingerprint === value && key.verified !== false),
  },
  label: {
    name: "Label",
    test: (model, host, value) => (value ? host.labels.includes(value) : !host.labels.length),
    words: (value) => value || "(none)",
  },
  software: { name: "Software", test: (model, host, value) => host.kind.software === value },
  status: {
    name: "Answer",
    test: (model, host, value) => host.kind.status === value,
    words: (value) => STATUSES[value] ?? value,
  },
  quantum: {
    name: "Post-quantum key exchange",
    test: (model, host, value) => String(host.kind.post_quantum) === value,
    words: (value) => ({ true: "yes", false: "no" })[value] ?? value,
  },
  fix: { name: "Fix", test: (model, host, value) => host.fixes.includes(Number(value)), words: (value) => `group ${Number(value) + 1}` },
};

/** The text for the search field, in lower case. */
function textOf(host) {
  host.text ??= [host.place, host.name, host.kind.software, ...host.labels].join("\n").toLowerCase();
  return host.text;
}

/** Whether a value is the id of a finding, with its algorithm or with all that it says. */
function isFinding(finding, value) {
  return [finding.id, finding.key, finding.exact].includes(value);
}

/** Return the hosts that match every filter. */
function filtered(model, filters) {
  const active = activeFilters(filters);
  return model.hosts.filter((host) => active.every(([name, value]) => FILTERS[name].test(model, host, value)));
}

/** Return [name, value] of the filters that are set. An empty label is a filter: the hosts without one. */
function activeFilters(filters) {
  return [...filters].filter(([name, value]) => name in FILTERS && (value || name === "label"));
}

/** Return the address of the hosts that match filters. */
function hostsWith(filters) {
  return `#hosts?${new URLSearchParams(filters)}`;
}

/** Return the parts of an address: "#hosts?grade=F" or "#host/192.0.2.1%3A22". */
function parseAddress(hash) {
  const [, view, argument, query] = /^#?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/.exec(hash) ?? [];
  let decoded = "";
  try {
    decoded = decodeURIComponent(argument ?? "");
  } catch {
    decoded = argument; // typed by hand
  }
  return { view: view || "overview", argument: decoded, filters: new URLSearchParams(query ?? "") };
}
