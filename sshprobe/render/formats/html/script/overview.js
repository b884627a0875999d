// The first view: the facts for a reader with ten seconds.

const SHOWN_WORST = 10;
const SHOWN_COMMON = 8;

function overviewView(model) {
  const graded = model.hosts.filter((host) => model.verdict(host));
  const worst = [...graded].sort((a, b) => model.worstFirst(a, b)).slice(0, SHOWN_WORST);
  const table = hostTable(model, worst, "The worst hosts");
  return {
    title: "Overview",
    table,
    node: element("div", { class: "overview" },
      headline(model, graded),
      element("div", { class: "split" }, gradeCard(model), tiles(model, graded)),
      historyCards(model),
      section("Worst hosts", table.node, graded.length > worst.length ? element("p", { class: "more" }, link("#hosts", `All ${count(model.hosts.length, "host")}`)) : null),
      element("div", { class: "split even" }, commonCard(model), fixesCard(model)),
      notesCard(model)),
  };
}

/** What changed, and the trend: side by side if both are known. */
function historyCards(model) {
  const cards = [changesCard(model), trendCard(model)].filter(Boolean);
  return cards.length === 2 ? element("div", { class: "split even" }, cards) : cards;
}

function headline(model, graded) {
  const failing = graded.filter((host) => model.verdict(host).compliant === false).length;
  const complying = graded.filter((host) => model.verdict(host).compliant).length;
  const severe = graded.filter((host) => isSevere(model, host)).length;
  const profile = foreign(model.profile ?? "");
  const first = !graded.length
    ? ["No host was graded."]
    : failing
      ? [`${failing.toLocaleString("en")} of ${count(graded.length, "graded server")} ${failing === 1 ? "does" : "do"} not comply with `, profile, "."]
      : complying === graded.length
        ? [graded.length === 1 ? "The graded server complies with " : `All ${count(graded.length, "graded server")} comply with `, profile, "."]
        : [`${complying.toLocaleString("en")} of ${count(graded.length, "graded server")} surely comply with `, profile, "; of the others not everything was seen."];
  const second = severe
    ? `${count(severe, "server has", "servers have")} a critical or high finding.`
    : graded.length ? "No server has a critical or high finding." : "";
  return element("header", { class: "headline" }, element("h1", { tabindex: "-1" }, first), element("p", {}, second, " ", sweepWords(model)));
}

function isSevere(model, host) {
  return model.found(host).some((finding) => finding.counts && (finding.severity === "critical" || finding.severity === "high"));
}

function sweepWords(model) {
  const { sweep, summary, hosts } = model.tables;
  const targets = summary.hosts + sum(Object.values(summary.silent));
  const when = sweep ? ` on ${sweep.started_at.slice(0, 16).replace("T", " ")} UTC` : "";
  const cut = summary.interrupted ? " The scan was interrupted: hosts are missing." : "";
  return `${count(targets, "target")} scanned${when}, ${count(model.tables.servers, "SSH server")} found.${cut}`;
}

function gradeCard(model) {
  const counts = gradeCounts(model, model.hosts);
  const most = Math.max(...counts.values(), 1);
  const rows = [...LETTERS, NOT_GRADED].filter((letter) => letter !== NOT_GRADED || counts.get(letter)).map((letter) => {
    const number = counts.get(letter) ?? 0;
    return element("li", {}, element(number ? "a" : "div", { class: "bar-row", href: number ? hostsWith({ grade: letter }) : null },
      badge(letter === NOT_GRADED ? null : letter),
      bar(number / most, gradeFill(letter)),
      element("span", { class: "bar-number" }, number.toLocaleString("en"), unseen(number === 1 ? " host" : " hosts"))));
  });
  return section("Grades", element("ul", { class: "bar-rows" }, rows));
}

function tiles(model, graded) {
  const complying = graded.filter((host) => model.verdict(host).compliant).length;
  const severe = graded.filter((host) => isSevere(model, host)).length;
  const asked = model.hosts.filter((host) => host.kind.post_quantum !== null);
  const without = asked.filter((host) => !host.kind.post_quantum).length;
  const keys = Object.values(model.tables.key_findings).length;
  const fixes = shownFixes(model);
  const pasted = fixes.filter(({ fix }) => fix.has_lines).length;
  return element("ul", { class: "tiles" },
    tile(percent(complying, graded.length) || "–", "comply", `${complying.toLocaleString("en")} of ${count(graded.length, "server")}`, hostsWith({ complies: "true" }), "plain"),
    tile(severe, "with a critical or high finding", percent(severe, graded.length), hostsWith({ severity: "critical,high" }), severe ? "bad" : "fine"),
    tile(without, "without post-quantum key exchange", percent(without, asked.length), hostsWith({ quantum: "false" }), without ? "warn" : "fine"),
    tile(keys, keys === 1 ? "host key with a finding" : "host keys with a finding", "shared, weak or known", "#keys", keys ? "bad" : "fine"),
    tile(pasted, pasted === 1 ? "group has lines to paste" : "groups have lines to paste", `of ${count(fixes.length, "group")} to fix`, "#fixes", "plain"));
}

function tile(number, words, below, target, mood) {
  const text = typeof number === "number" ? number.toLocaleString("en") : number;
  return element("li", {}, element("a", { class: `tile tile-${mood}`, href: target },
    element("strong", {}, text), " ", element("span", {}, words), " ", element("small", {}, below)));
}

function commonCard(model) {
  const rows = model.byFinding().sort((a, b) => b.hosts.length - a.hosts.length || severityOrder(a.item, b.item)).slice(0, SHOWN_COMMON);
  if (!rows.length) return null;
  const items = rows.map(({ item, hosts }) => element("li", {}, element("a", { class: "common-row", href: hostsWith({ finding: item.exact }) },
    chip(item.severity),
    element("span", { class: "common-words" }, findingWords(item)),
    element("span", { class: "bar-number" }, hosts.length.toLocaleString("en"), unseen(" hosts")))));
  return section("Most common findings", element("ul", { class: "common" }, items), element("p", { class: "more" }, link("#findings", "All findings")));
}

function fixesCard(model) {
  const groups = fixGroups(model).filter(({ fix }) => fix.has_changes).sort((a, b) => b.hosts.length - a.hosts.length).slice(0, SHOWN_COMMON);
  if (!groups.length) return null;
  const items = groups.map(({ fix, index, hosts }) => element("li", {}, element("a", { class: "common-row", href: hostsWith({ fix: index }) },
    element("span", { class: "fix-grades" }, badge(fix.before.letter), unseen(" becomes "), element("span", { "aria-hidden": "true" }, "→"), badge(fix.after.letter)),
    element("span", { class: "common-words" }, foreign(fix.software || "unknown software")),
    element("span", { class: "bar-number" }, hosts.length.toLocaleString("en"), unseen(" hosts")))));
  return section("What the fixes reach", element("ul", { class: "common" }, items), element("p", { class: "more" }, link("#fixes", "Lines to paste")));
}

function notesCard(model) {
  return model.sentences.length ? section("Across all hosts", bullets(model.sentences)) : null;
}
