// One host: its verdicts, findings, offers, keys, and lines to paste.

function hostView(model, { argument }) {
  const host = model.hostOf(argument);
  if (!host) {
    return { title: "Unknown host", node: element("div", {}, heading("Unknown host"), element("p", {}, "This report has no host ", foreign(argument), ".")) };
  }
  const verdict = model.verdict(host);
  const found = model.found(host);
  return {
    title: host.place,
    node: element("div", { class: "host-view" },
      hostHeading(model, host, verdict),
      verdict ? findingSection("Findings", found.filter((each) => each.counts)) : null,
      findingSection("Notes", found.filter((each) => each.severity === "note" && !each.waived), true),
      findingSection("Waived", found.filter((each) => each.waived), true),
      verdict?.not_observed.length ? section("Not observed", bullets(verdict.not_observed)) : null,
      fixSection(model, host),
      keySection(model, host),
      offerSections(host),
      loginSection(host),
      host.kind.warnings.length ? section("Warnings", bullets(host.kind.warnings)) : null),
  };
}

function hostHeading(model, host, verdict) {
  const kind = host.kind;
  const others = [...kind.verdicts.values()].filter((each) => each !== verdict);
  return element("div", { class: "card host-heading" },
    element("div", { class: "host-grade" }, badge(verdict?.letter ?? null), verdict ? element("span", { class: "score" }, `${verdict.score} of 100`) : null),
    element("div", {},
      element("h1", { tabindex: "-1" }, foreign(host.place), host.name ? element("span", { class: "quiet" }, " ", foreign(host.name)) : null),
      element("p", { class: "lead" }, verdict ? verdictWords(verdict) : outcome(kind)),
      facts([
        ["Software", kind.software && [foreign(kind.software), element("span", { class: "quiet" }, " ", foreign(kind.identification))]],
        ["Answer", kind.status === "ok" ? null : outcome(kind)],
        ["Seen", model.date(host)],
        ["Labels", host.labels.length ? host.labels.map((label, at) => [at ? ", " : "", link(hostsWith({ label }), foreign(label))]) : null],
        ["Limit of the score", verdict?.cap_reasons.length ? foreign(verdict.cap_reasons.join("; ")) : null],
        ["Other profiles", others.length ? others.map((each) => element("span", { class: "other" }, badge(each.letter), " ", foreign(each.profile))) : null],
        ["Several servers", kind.several_servers ? "connections met different servers, as behind a load balancer" : null],
      ])));
}

function verdictWords(verdict) {
  const words = { yes: "complies with", no: "does not comply with", "with waivers": "complies with waivers with", unknown: "may comply with" };
  return [words[compliance(verdict)], " ", foreign(verdict.profile)];
}

function findingSection(title, findings, closed = false) {
  if (!findings.length) return title === "Findings" ? section("Findings", element("p", {}, "Nothing above a note.")) : null;
  const list = element("ul", { class: "findings" }, alike(findings).map(findingItem));
  const words = `${title} (${findings.length})`;
  return closed ? element("details", { class: "card" }, element("summary", {}, element("h2", {}, words)), list) : section(words, list);
}

/** Return groups of findings with the same message on several algorithms. */
function alike(findings) {
  const groups = new Map();
  for (const finding of findings) {
    const key = JSON.stringify([finding.severity, finding.category, finding.message]);
    groups.set(key, [...(groups.get(key) ?? []), finding]);
  }
  return [...groups.values()].sort(([a], [b]) => severityOrder(a, b));
}

function findingItem(group) {
  const [first] = group;
  const names = group.filter((each) => each.algorithm).map((each, at) => [at ? ", " : "", link(hostsWith({ finding: each.exact }), foreign(each.algorithm))]);
  const points = sum(group.map((each) => each.effect.points ?? 0));
  const title = names.length ? [names, ": ", foreign(first.message)] : link(hostsWith({ finding: first.exact }), foreign(first.message));
  const observed = texts(group, (each) => (each.observed === each.algorithm ? "" : each.observed));
  return element("li", {},
    chip(first.severity),
    element("div", {},
      element("p", { class: "finding-title" }, element("span", { class: "quiet" }, `${CATEGORIES[first.category] ?? first.category} · `), title),
      facts([
        ["To fix", texts(group, (each) => each.remediation)],
        ["Waiver", texts(group, (each) => each.waived && `${each.waived.reason} (until ${each.waived.until})`)],
      ]),
      element("details", { class: "reasons" }, element("summary", {}, "Reasons"), facts([
        ["Observed", observed],
        ["Expected", texts(group, (each) => each.expected)],
        ["Cost", cost(points, lowestCap(group))],
        ["Sources", texts(group, (each) => each.references.join("; "))],
      ]))));
}

/** Return a text of each finding, each once; null without any. */
function texts(findings, textOfFinding) {
  const found = [...new Set(findings.map(textOfFinding).filter(Boolean))];
  return found.length ? foreign(found.join("; ")) : null;
}

function lowestCap(findings) {
  const caps = findings.map((each) => each.effect.cap ?? null).filter((cap) => cap !== null);
  return caps.length ? Math.min(...caps) : null;
}

function cost(points, cap) {
  const words = [points ? count(points, "point") : null, cap === null ? null : `at most ${cap} of 100`];
  return words.filter(Boolean).join(", ");
}

function fixSection(model, host) {
  const fix = model.fixes[model.fixOf(host)];
  if (!fix || (!fix.has_changes && !fix.left.length)) return null;
  const words = fix.has_changes
    ? ["With these changes: ", badge(fix.after.letter), ` ${fix.after.score} of 100 under `, foreign(fix.profile), "."]
    : "No change of the configuration fixes the remaining findings.";
  return section("What to change", element("p", {}, words), pasteBlock(fix));
}

function keySection(model, host) {
  if (!host.keys.length) return null;
  const items = host.keys.map((key) => element("li", {},
    element("p", {}, foreign(key.type), key.bits ? `, ${key.bits} bits` : null, keyMarks(model, key).map((words) => [" ", element("span", { class: "chip chip-medium" }, words)])),
    element("p", { class: "mono" }, link(hostsWith({ key: key.fingerprint }), foreign(key.fingerprint))),
    key.certificate ? element("p", { class: "quiet" }, foreign(key.certificate)) : null));
  return section("Host keys", element("ul", { class: "keys" }, items));
}

function keyMarks(model, key) {
  if (key.verified === false) return ["wrong proof"];
  return (model.tables.key_findings[key.fingerprint] ?? []).map((id) => keyWords(id, model.tables.shared_keys[key.fingerprint]));
}

function offerSections(host) {
  const { offers, groups } = host.kind;
  if (!offers.size) return null;
  const lists = [...offers].filter(([, found]) => found.length).map(([type, found]) =>
    element("div", { class: "offers" }, element("h3", {}, TYPES[type]), element("ul", {}, found.map(offerItem))));
  const sizes = groups.filter(([, bits]) => bits).map(([name, bits], at) => [at ? ", " : "", foreign(name), ` ${bits} bits`]);
  return section("Offers", sizes.length ? element("p", { class: "quiet" }, "Group exchange: ", sizes) : null, element("div", { class: "offer-lists" }, lists));
}

function offerItem({ algorithm, strength, reasons, direction }) {
  const why = [reasons[0], direction && `${direction} only`].filter(Boolean).join("; ");
  return element("li", { class: `offer offer-${strength}` },
    link(hostsWith({ algorithm: algorithm.id }), foreign(algorithm.name)),
    strength === "good" ? null : [" ", chip(strength)],
    why ? element("span", { class: "quiet" }, " ", foreign(why)) : null);
}

function loginSection(host) {
  const users = Object.entries(host.kind.methods);
  const { banner } = host.kind;
  if (!users.length && !banner) return null;
  const rows = users.map(([user, methods]) => [foreign(user), methods === null ? "no answer" : foreign(methods.join(", ") || "none")]);
  return section("Login", facts(rows), banner ? [element("h3", {}, "Banner"), element("p", { class: "banner" }, foreign(banner))] : null);
}

function bullets(texts) {
  return element("ul", { class: "bullets" }, texts.map((text) => element("li", {}, foreign(text))));
}
