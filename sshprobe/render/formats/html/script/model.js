// The data of the page, and its queries for views.

/** Return the data: JSON in gzip in base64. */
async function unpack(text) {
  const packed = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

class Model {
  constructor({ tables, fixes, sentences, changes, trend, texts, deadlines }) {
    this.tables = tables;
    this.fixes = fixes;
    this.sentences = sentences;
    this.changes = changes;
    this.trend = trend;
    this.deadlines = deadlines.deadlines;
    this.mandates = deadlines.mandates;
    this.mandateSentences = deadlines.sentences;
    this.texts = texts;
    this.profile = tables.profiles[0] ?? null;
    this.algorithms = tables.algorithms.map(([type, name, severity, weakness, facts, marker]) => ({
      type, name, severity, weakness, facts, marker, id: `${type}/${name}`,
    }));
    this.offers = tables.offers.map(([algorithm, strength, reasons, direction]) => ({
      algorithm: this.algorithms[algorithm], strength, reasons, direction,
    }));
    this.keys = tables.keys.map(([fingerprint, type, bits, verified, certificate]) => ({
      fingerprint, type, bits, verified, certificate,
    }));
    this.findings = tables.findings.map((finding) => {
      const key = finding.algorithm ? `${finding.id}/${finding.algorithm}` : finding.id;
      // One key can say different things of two hosts: a modulus of 1024 bits, and one of 2048.
      const exact = `${key}|${finding.severity}|${finding.message}`;
      return { ...finding, key, exact, counts: finding.severity !== "note" && !finding.waived };
    });
    this.kinds = tables.kinds.map((kind) => this.kindOf(kind));
    this.hosts = hostsOf(tables, this);
    this.byPlace = new Map();
    for (const host of this.hosts) {
      if (!this.byPlace.has(host.place)) this.byPlace.set(host.place, host);
    }
  }

  kindOf(kind) {
    const verdicts = new Map();
    for (const verdict of kind.verdicts) {
      verdicts.set(verdict.profile, { ...verdict, findings: verdict.findings.map((at) => this.findings[at]) });
    }
    const offers = Object.entries(kind.offers).map(([type, found]) => [type, found.map((at) => this.offers[at])]);
    return { ...kind, verdicts, offers: new Map(offers) };
  }

  /** The id of a host in links. Two names can lead to one place. */
  idOf(host) {
    return this.byPlace.get(host.place) === host ? host.place : `${host.place}~${host.index}`;
  }

  hostOf(id) {
    return this.byPlace.get(id) ?? this.hosts[Number(id.slice(id.lastIndexOf("~") + 1))] ?? null;
  }

  verdict(host) {
    return host.kind.verdicts.get(this.profile) ?? null;
  }

  /** The index of the group of fixes under the profile. -1: there is none. */
  fixOf(host) {
    return host.fixes[this.tables.profiles.indexOf(this.profile)] ?? -1;
  }

  /** The grade without "?", or null. */
  letter(host) {
    return this.verdict(host)?.letter.replace("?", "") ?? null;
  }

  /** All findings of a host under the profile, and those across the fleet. */
  found(host) {
    return [...(this.verdict(host)?.findings ?? []), ...host.across];
  }

  worst(host) {
    const found = this.found(host).filter((finding) => finding.counts);
    return found.reduce((worst, each) => (worst && severityOrder(worst, each) <= 0 ? worst : each), null);
  }

  /** Negative if the first host is worse. Hosts without a verdict come last. */
  worstFirst(one, other) {
    const [a, b] = [this.verdict(one), this.verdict(other)];
    if (a === b) return one.index - other.index;
    if (!a || !b) return a ? -1 : b ? 1 : one.index - other.index;
    if (a.score !== b.score) return a.score - b.score;
    const at = a.severities.findIndex((number, index) => number !== b.severities[index]);
    return at < 0 ? one.index - other.index : b.severities[at] - a.severities[at];
  }

  /** Call `each` with every finding that counts, and the hosts that have it. */
  byFinding() {
    return grouped(this.hosts, (host) => this.found(host).filter((finding) => finding.counts), (finding) => finding.exact);
  }

  byAlgorithm() {
    return grouped(this.hosts, (host) => [...host.kind.offers.values()].flat().map((offer) => offer.algorithm), (each) => each.id);
  }

  byKey() {
    return grouped(this.hosts, (host) => host.keys.filter((key) => key.verified !== false), (key) => key.fingerprint);
  }

  date(host) {
    if (host.seen < 0) return "";
    return new Date(1000 * (this.tables.first_seen + host.seen)).toISOString().replace("T", " ").slice(0, 16) + " UTC";
  }
}

function hostsOf({ hosts, labels }, model) {
  return hosts.place.map((place, index) => ({
    index,
    place,
    name: hosts.name[index],
    kind: model.kinds[hosts.kind[index]],
    seen: hosts.seen[index],
    keys: hosts.keys[index].map((at) => model.keys[at]),
    labels: hosts.labels[index].map((at) => labels[at]),
    fixes: hosts.fixes[index],
    across: hosts.across[index].map((at) => model.findings[at]),
  }));
}

function severityOrder(one, other) {
  return SEVERITIES.indexOf(one.severity) - SEVERITIES.indexOf(other.severity);
}

/** Return a list of {item, hosts}: the items of all hosts by their ids, each host once for an item. */
function grouped(hosts, itemsOf, idOf) {
  const found = new Map();
  for (const host of hosts) {
    for (const item of itemsOf(host)) {
      const id = idOf(item);
      const group = found.get(id);
      if (!group) found.set(id, { item, hosts: [host] });
      else if (group.hosts.at(-1) !== host) group.hosts.push(host);
    }
  }
  return [...found.values()];
}
