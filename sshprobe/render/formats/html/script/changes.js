// Changes since an older scan, and the grades of earlier scans.

const SHOWN_HOSTS = 8;

function changesView(model) {
  const { changes } = model;
  return {
    title: "Changes",
    node: element("div", {},
      heading("Changes", element("p", { class: "count" }, changeCounts(changes))),
      element("p", { class: "intro" }, foreign(changes.verdict), ` Since ${moment(changes.started_at)}.`),
      changes.sections.map((each) => changeSection(model, each)),
      changes.notes.length ? section("To know", bullets(changes.notes)) : null),
  };
}

function changeCounts({ compared, unchanged }) {
  return `${count(compared, "host")} compared, ${unchanged.toLocaleString("en")} unchanged`;
}

function moment(started) {
  return started ? `${started.slice(0, 16).replace("T", " ")} UTC` : "an older scan";
}

function changeSection(model, { title, rows, is_worse: worse, when }) {
  const words = [title, " ", element("span", { class: "quiet" }, `(${rows.length})`)];
  const list = element("ul", { class: "changes" }, rows.map((row) => changeRow(model, row, when)));
  return element("section", { class: worse ? "card worse" : "card" }, element("h2", {}, words), list);
}

function changeRow(model, { what, hosts, meaning, details }, when) {
  const shown = hosts.slice(0, SHOWN_HOSTS).filter(({ host }) => host);
  const names = shown.map(({ host }, at) => [at ? ", " : "", changedHost(model, host)]);
  const since = hosts.map((each) => each.since).filter(Boolean).sort()[0];
  const more = hosts.length - SHOWN_HOSTS;
  return element("li", {},
    element("p", { class: meaning ? `what what-${meaning.replace("+", "-plus")}` : "what" }, foreign(what)),
    details.map((line) => element("p", { class: "mono" }, foreign(line))),
    names.length ? element("p", { class: "quiet" }, names, more > 0 ? ` and ${more.toLocaleString("en")} more` : null, since ? `, ${when} ${moment(since)}` : null) : null);
}

/** A host that is gone has no page. */
function changedHost(model, place) {
  return model.byPlace.has(place) ? link(`#host/${encodeURIComponent(place)}`, foreign(place)) : foreign(place);
}

function changesCard(model) {
  const { changes } = model;
  if (!changes) return null;
  const items = changes.sections.slice(0, 6).map(({ title, rows, is_worse: worse }) =>
    element("li", {}, element("a", { class: "common-row", href: "#changes" },
      element("span", { class: worse ? "chip chip-high" : "chip" }, worse ? "worse" : "other"),
      element("span", { class: "common-words" }, title),
      element("span", { class: "bar-number" }, rows.length.toLocaleString("en")))));
  return section(`Since ${moment(changes.started_at)}`,
    element("p", { class: "lead" }, foreign(changes.verdict)),
    element("ul", { class: "common" }, items),
    element("p", { class: "more" }, link("#changes", "All changes")));
}

function trendCard(model) {
  const points = model.trend.filter((point) => point.profile === model.profile);
  if (points.length < 2) return null;
  return section("Grades over time", trendChart(points), trendTable(points));
}

/** The numbers of the chart, for people who do not see it. */
function trendTable(points) {
  const letters = LETTERS.filter((letter) => points.some((point) => point.grades[letter]));
  const head = element("tr", {}, element("th", { scope: "col" }, "Scan"), letters.map((letter) => element("th", { scope: "col" }, letter)));
  const rows = points.map((point) => element("tr", {},
    element("th", { scope: "row" }, moment(point.started_at)), letters.map((letter) => element("td", {}, String(point.grades[letter] ?? 0)))));
  return element("details", { class: "numbers" }, element("summary", {}, "Numbers"),
    element("table", { class: "plain" }, element("caption", { class: "unseen" }, "Hosts with each grade, by scan"), element("thead", {}, head), element("tbody", {}, rows)));
}
