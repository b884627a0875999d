"""A summary as Markdown, for an issue, a wiki or the summary of a CI job: the fleet, the worst hosts, the findings."""

from __future__ import annotations

from collections import Counter
from typing import IO

from jinja2 import Environment, StrictUndefined

from sshprobe.model import timestamps
from sshprobe.model.observation import endpoint
from sshprobe.model.records import HostRecord, SummaryRecord, SweepRecord
from sshprobe.model.verdict import GRADES
from sshprobe.render.formats.format import HostFormat, HostWriter, ReportContext
from sshprobe.render.text.fleet_phrases import key_sentences, unchecked_sentences, waiver_sentences
from sshprobe.render.text.markdown import code, sentence
from sshprobe.render.text.phrases import compliance, count, finding_label
from sshprobe.views.fleet import FleetBuilder, FleetRow
from sshprobe.views.host_names import alias_of, with_alias
from sshprobe.views.host_stats import Subject, letter, record_stats

_WORST = 20
"""The most rows of hosts."""

_COMMON = 20
"""The most rows of findings."""

_MOST_COUNTED = 4096
"""The most counted findings, because servers can invent endless names."""

_PAGE = """\
# SSH servers

{{ when }}{{ hosts }}, {{ servers }}.
{% if interrupted %}

**The scan was interrupted, so hosts are missing.**
{% endif %}
{% if profiles %}

## Fleet

| profile | compliant | not compliant | unknown |{% for grade in grades %} {{ grade }} |{% endfor %}

|---|--:|--:|--:|{% for grade in grades %}--:|{% endfor %}

{% for each in profiles %}
| {{ each.id | code }} |{% for number in each.numbers %} {{ number }} |{% endfor %}

{% endfor %}
{% endif %}
{% if rows %}

## Worst hosts

| host | grade | score | compliance | worst finding | software |
|---|---|--:|---|---|---|
{% for row in rows %}
| {{ row.host | code }} | {{ row.grade | sentence }} | {{ row.score }} | {{ row.compliance }} \
| {{ row.worst | sentence }} | {{ row.software | code }} |
{% endfor %}
{% if hidden %}

{{ hidden }} more with a verdict, none of them worse.
{% endif %}
{% endif %}
{% if findings %}

## Findings

| finding | hosts |
|---|--:|
{% for name, number in findings %}
| {{ name | code }} | {{ number }} |
{% endfor %}
{% endif %}
{% if failures %}

## Hosts without a verdict

| result | hosts |
|---|--:|
{% for words, number in failures %}
| {{ words | sentence }} | {{ number }} |
{% endfor %}
{% endif %}
{% if remarks %}

## Remarks

{% for each in remarks %}
- {{ each | sentence }}
{% endfor %}
{% endif %}
"""

_ENVIRONMENT = Environment(
    autoescape=False,  # autoescaping is for HTML; here `code` or `sentence` escapes each value
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    undefined=StrictUndefined,
)
_ENVIRONMENT.filters |= {"code": code, "sentence": sentence}
_TEMPLATE = _ENVIRONMENT.from_string(_PAGE)


class MarkdownWriter(HostWriter):
    """Counts hosts, keeps the worst, and writes the page at the end."""

    def __init__(self, stream: IO[bytes], context: ReportContext) -> None:
        self._stream = stream
        self._fleet = FleetBuilder()
        self._started_at = ""
        self._subjects: Counter[Subject] = Counter()
        self._failures: Counter[str] = Counter()

    def header(self, record: SweepRecord) -> None:
        """Keep the time of the first scan."""
        self._started_at = self._started_at or record.started_at

    def add(self, host: HostRecord) -> None:
        """Count one host."""
        stats = record_stats(host)
        self._fleet.add_alike(stats, [host])
        subjects = {subject for verdict in stats.verdicts for subject in verdict.subjects}
        self._subjects.update(subjects.union(stats.fleet))
        if len(self._subjects) > _MOST_COUNTED:
            self._subjects = Counter(dict(self._subjects.most_common(_MOST_COUNTED // 2)))
        if not stats.verdicts:
            words = "no verdict: use sshprobe grade" if host.status == "ok" else host.status.replace("_", " ")
            self._failures[words] += 1

    def finish(self, summary: SummaryRecord) -> None:
        """Write the page."""
        view = self._fleet.build(summary)
        rows = [row for row in view.rows if row.stats.verdicts]
        graded = summary.hosts - self._failures.total()
        for text in _TEMPLATE.generate(
            when=f"{self._started_at[:10]}: " if timestamps.parse(self._started_at) is not None else "",
            hosts=count(summary.targets, "host"),
            servers=f"{view.servers:,} sent an SSH identification",
            interrupted=summary.interrupted,
            grades=GRADES,
            profiles=[_profile_row(profile, summary) for profile in view.profiles],
            rows=[_host_row(row) for row in rows[:_WORST]],
            hidden="" if graded <= _WORST else count(graded - _WORST, "host"),
            findings=[(finding_label(each), f"{number:,}") for each, number in self._subjects.most_common(_COMMON)],
            failures=[(words, f"{number:,}") for words, number in self._failures.most_common()],
            remarks=[*key_sentences(summary), *waiver_sentences(summary), *unchecked_sentences(summary)],
        ):
            self._stream.write(text.encode("utf-8", "backslashreplace"))


def _profile_row(profile: str, summary: SummaryRecord) -> dict[str, object]:
    compliant, grades = summary.compliant.get(profile, {}), summary.grades.get(profile, {})
    numbers = [
        *(compliant.get(word, 0) for word in ("true", "false", "null")),
        *(grades.get(each, 0) for each in GRADES),
    ]
    return {"id": profile, "numbers": [f"{number:,}" for number in numbers]}


def _host_row(row: FleetRow) -> dict[str, object]:
    first = row.stats.verdicts[0]
    worst = first.worst
    words = "" if worst is None else f"{worst.algorithms[0] or worst.id}: {worst.message}"
    return {
        "host": with_alias(endpoint(row.host, row.port), alias_of(row)),
        "grade": letter(first),
        "score": first.score,
        "compliance": compliance(first),
        "worst": words,
        "software": row.stats.software,
    }


FORMAT = HostFormat(MarkdownWriter)
