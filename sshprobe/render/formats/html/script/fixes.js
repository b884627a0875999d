// Lines to paste, for each group of similar hosts.

const SHOWN_FIXES = 25;

/** Return the groups of the chosen profile. */
function fixGroups(model) {
  const hosts = model.fixes.map(() => []);
  for (const host of model.hosts) hosts[model.fixOf(host)]?.push(host);
  return model.fixes.map((fix, index) => ({ fix, index, hosts: hosts[index] })).filter(({ fix }) => fix.profile === model.profile);
}

/** Return the groups with a change, or with a finding that no change of the configuration fixes. */
function shownFixes(model) {
  return fixGroups(model).filter(({ fix }) => fix.has_changes || fix.left.length);
}

function fixesView(model) {
  const groups = shownFixes(model);
  const pasted = groups.filter(({ fix }) => fix.has_lines).length;
  const cards = element("div", { class: "fixes" });
  const more = element("button", { type: "button", class: "button", onclick: () => draw() }, "Show more groups");
  function draw() {
    const drawn = cards.children.length;
    cards.append(...groups.slice(drawn, drawn + SHOWN_FIXES).map((group, at) => fixCard(model, group, !drawn && !at)));
    more.hidden = cards.children.length >= groups.length;
  }
  draw();
  const profile = groups[0]?.fix.profile;
  const words = groups.length
    ? `Hosts with the same software that need the same changes are grouped. Grades are those of ${profile}.`
    : "There is nothing to fix, or this report has no advice for these hosts.";
  return {
    title: "Fixes",
    node: element("div", {}, heading("Fixes", element("p", { class: "count" }, `${count(groups.length, "group")}, ${pasted.toLocaleString("en")} with lines to paste`)), element("p", { class: "intro" }, words), cards, more),
  };
}

function fixCard(model, { fix, index, hosts }, open) {
  const title = element("summary", {},
    element("span", { class: "fix-grades" }, badge(fix.before.letter), unseen(" becomes "), element("span", { "aria-hidden": "true" }, "→"), badge(fix.after.letter)),
    element("span", { class: "fix-title" }, count(hosts.length, "host"), element("span", { class: "quiet" }, " · ", foreign(fix.software || "unknown software"))),
    element("span", { class: "fix-changes quiet" }, fix.changes.slice(0, 3).map((each, at) => [at ? "; " : "", foreign(each)])));
  const card = element("details", { class: "card fix", open }, title);
  // Most cards stay closed: the text of a card is made when it opens.
  const body = () => card.children.length === 1 && card.append(fixBody(model, fix, index, hosts));
  card.addEventListener("toggle", body);
  if (open) body();
  return card;
}

function fixBody(model, fix, index, hosts) {
  const named = hosts.slice(0, 6).flatMap((host, at) => [at ? ", " : "", hostLink(model, host)]);
  const rest = hosts.length > 6 ? [" and ", link(hostsWith({ fix: index }), `${(hosts.length - 6).toLocaleString("en")} more`)] : null;
  return element("div", { class: "fix-body" }, element("p", {}, named, rest), pasteBlock(fix));
}

function pasteBlock(fix) {
  const text = element("code", {}, foreign(fix.lines.join("\n")));
  return element("div", { class: "paste" }, copyButton(text), element("pre", { tabindex: "0", "aria-label": fix.has_lines ? "Lines to paste" : "Advice", role: "region" }, text));
}
