// Words and orders that all views share.

const SEVERITIES = ["critical", "high", "medium", "low", "note"];
const STRENGTHS = [...SEVERITIES.slice(0, 4), "good", "marker"];
const LETTERS = ["A+", "A", "B", "C", "D", "F"];
const NOT_GRADED = "none";

const TYPES = {
  kex: "Key exchange",
  host_key: "Host key",
  cipher: "Cipher",
  mac: "MAC",
  compression: "Compression",
};

const CATEGORIES = {
  ...TYPES,
  protocol: "Protocol",
  group_exchange: "Group exchange",
  authentication: "Authentication",
  profile: "Profile",
};

const STATUSES = {
  ok: "answered",
  partial: "not everything was seen",
  refused: "refused",
  unreachable: "unreachable",
  timeout: "timeout",
  reset: "connection reset",
  dns_error: "name not resolved",
  not_ssh: "not SSH",
  ssh1_only: "SSH-1 only",
  throttled: "throttled",
  protocol_error: "protocol error",
  excluded: "excluded",
};

function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

function percent(part, whole) {
  if (!whole) return "";
  const value = (100 * part) / whole;
  if (part && value < 1) return "<1 %";
  return part < whole && value > 99 ? ">99 %" : `${Math.round(value)} %`;
}

function compliance(verdict) {
  if (verdict.compliant === null) return "unknown";
  if (!verdict.compliant) return "no";
  return verdict.waived ? "with waivers" : "yes";
}

/** Natural order of addresses: 10.0.0.9 before 10.0.0.10. */
const naturally = new Intl.Collator("en", { numeric: true }).compare;
