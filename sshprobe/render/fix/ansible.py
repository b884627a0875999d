"""An Ansible playbook: one play for each group of OpenSSH servers that need the same changes. It uses builtin modules.

Text of a server is only in comments, where it has no effect. Values hold names and addresses of hosts, never a
pattern, and lines and commands from `sshprobe.remedy`.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable, Iterator

from sshprobe.model.remedy import Change, NewKey, Platform
from sshprobe.render.fix.comments import cautions, comment, heading, left, left_out, not_for, ungraded
from sshprobe.views.fixes import Group, Plan
from sshprobe.views.host_stats import letter

CHAIN = "AuthenticationMethods "

NOTHING = (
    "# No host needs a change that a playbook can make. Ansible refuses a playbook without a play, so here is one.",
    "- name: Nothing to change",
    "  hosts: localhost",
    "  connection: local",
    "  gather_facts: false",
    "  tasks:",
    "    - name: Say so",
    "      ansible.builtin.debug:",
    "        msg: No host has anything that a playbook can change",
)

OF_GROUPS = frozenset({"all", "ungrouped"})
"""Names of groups in every inventory."""


def playbook(plan: Plan) -> str:
    """Return the playbook."""
    # sshd_config has a list of algorithms on one line of any length.
    lines = ["---", "# yamllint disable rule:line-length"]
    plays = 0
    for group in plan.groups():
        platform = group.platform
        if platform is None:
            lines += comment(left_out(group, not_for(group)))
            continue
        names: dict[str, list[str]] = {}
        unnamed: list[str] = []
        for host, port in group.hosts:
            name = _inventory_name(host, group.names.get((host, port)))
            (names.setdefault(name, []) if is_inventory_name(name) else unnamed).append(host)
        lines += comment([*heading(group), *cautions(group), *left(group)])
        lines += comment(
            f"Left out: {json.dumps(host)} cannot be the name of a host in an inventory." for host in unnamed
        )
        if group.changes and names:
            plays += 1
            lines += [*_play(group, platform, names, plays), ""]
    lines += comment(ungraded(plan))
    if not plays:
        lines += NOTHING
    return "\n".join(lines).rstrip("\n") + "\n"


def is_inventory_name(host: str) -> bool:
    """Return whether Ansible reads a name as one host, and not as a wildcard, a group or a template."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return re.fullmatch(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252})", host) is not None and host not in OF_GROUPS
    return "%" not in host


def _inventory_name(host: str, target: str | None) -> str:
    """Return the name of a host in an inventory: `target`, unless it is a network, a range or "host:port"."""
    if target is not None and is_inventory_name(target) and re.search("[A-Za-z]", target):
        return target
    return host


def _play(group: Group, platform: Platform, names: dict[str, list[str]], number: int) -> Iterator[str]:
    """Yield one play. `names` maps each name to its hosts."""
    renamed = {name: hosts for name, hosts in names.items() if hosts != [name]}
    profile, remedy = group.verdict[0], group.remedy
    yield f"- name: {_text(f'SSH servers to {letter(remedy)} ({remedy.score}) under {profile}')}"
    yield f"  hosts: &hosts_{number}"
    yield from (f"    - {_text(name)}" for name in names)
    yield "  become: true"
    yield "  gather_facts: false"
    yield "  # One host first: if it cannot be logged into any more, the play ends there."
    yield '  serial: [1, "25%"]'
    yield "  max_fail_percentage: 0"
    yield "  vars:"
    yield f"    sshprobe_hosts: *hosts_{number}"
    if renamed:
        yield "    sshprobe_addresses:"
        yield from (f"      {_text(name)}: {json.dumps(hosts)}" for name, hosts in renamed.items())
    service = platform.service or "{{ 'ssh' if ansible_facts['os_family'] == 'Debian' else 'sshd' }}"
    yield f"    sshd_service: {json.dumps(service)}"
    yield "  tasks:"
    # Ansible reads a name as a group if there is one. The check comes before the facts, which need a login.
    yield "    - name: Stop at a host that was not scanned"
    yield "      ansible.builtin.fail:"
    yield '        msg: "a group of the inventory has the name of a scanned host: take it out of `hosts`"'
    yield "      when: inventory_hostname not in sshprobe_hosts"
    if renamed:
        # The user's inventory may have another machine under this name.
        yield "    - name: Stop at a host that has another address than the one that was scanned"
        yield "      ansible.builtin.fail:"
        yield '        msg: "its ansible_host is not what was scanned under this name: see sshprobe_addresses"'
        yield "      when: >-"
        yield "        inventory_hostname in sshprobe_addresses and (ansible_host | default(inventory_hostname))"
        yield "        not in [inventory_hostname] + sshprobe_addresses[inventory_hostname]"
    yield "    - name: Gather facts"
    yield "      ansible.builtin.setup:"
    if any(change.beside and change.text[-1].startswith(CHAIN) for change in group.changes):
        yield from _indented(_stop_at_a_chain(platform))
    for change in group.changes:
        if change.moduli_bits is not None:
            yield from _indented(_moduli(change, change.moduli_bits, platform.moduli))
    for change in group.changes:
        if change.key is not None:
            yield from _indented(_key(change, change.key))
    for change in group.changes:
        if change.text:
            yield from _indented(_block(change, platform))
    yield "    - name: Check the configuration"
    yield f"      ansible.builtin.command: {platform.sshd} -t"
    yield "      changed_when: false"
    yield "    - name: Restart sshd now"
    yield "      ansible.builtin.meta: flush_handlers"
    yield "    - name: Log in again"
    yield "      ansible.builtin.meta: reset_connection"
    yield "    - name: See that a new login works"
    yield "      ansible.builtin.wait_for_connection:"
    yield "        timeout: 60"
    yield "  handlers:"
    yield "    - name: Restart sshd"
    yield "      ansible.builtin.service:"
    yield '        name: "{{ sshd_service }}"'
    yield "        state: restarted"


def _text(text: str) -> str:
    """Return a double-quoted scalar: JSON strings are YAML. Braces in it start no template."""
    return json.dumps(re.sub(r"\{(?=[{%#])", "{ ", text))


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"    {line}" for line in lines)


def _stop_at_a_chain(platform: Platform) -> Iterator[str]:
    """Yield tasks that end the play at a host that requires a second factor, as the new line would drop it.

    `sshd -T` shows the requirement, except in a Match block.
    """
    yield "- name: Read which methods sshd requires today"
    yield f"  ansible.builtin.command: {platform.sshd} -T"
    yield "  register: sshprobe_sshd"
    yield "  changed_when: false"
    yield "- name: Stop at a host that requires a second factor"
    yield "  ansible.builtin.fail:"
    yield '    msg: "AuthenticationMethods has a chain here: the line of this play would leave a key alone"'
    yield "  when: sshprobe_sshd.stdout is search('(?im)^authenticationmethods [^\\n]*,')"


def _moduli(change: Change, bits: int, file: str) -> Iterator[str]:
    yield from comment(change.reasons)
    yield f"- name: Keep moduli of {bits} bits and more alone"
    yield "  ansible.builtin.shell: |"
    yield f"    awk '/^[0-9]/ && $5 < {bits - 1} {{ small = 1 }} END {{ exit !small }}' {file} || exit 0"
    yield from (f"    {line}" for command in change.commands for line in _shell_lines(command))
    yield f"    awk '/^[0-9]/ && $5 < {bits - 1} {{ small = 1 }} END {{ exit small }}' {file} && echo changed"
    yield "  register: sshprobe_moduli"
    yield "  changed_when: \"'changed' in sshprobe_moduli.stdout\""


def _shell_lines(command: str) -> list[str]:
    """Split a command into lines after each `;` and `&&` outside quotes."""
    parts = re.split(r"((?:[^';&]|'[^']*'|&(?!&))+(?:&&|;|$))", command)
    return [part.strip() for part in parts if part.strip()]


def _key(change: Change, key: NewKey) -> Iterator[str]:
    yield from comment(change.reasons)
    new = f"{key.file}.new" if key.replaces else key.file
    size = "" if key.bits is None else f" -b {key.bits}"
    yield f"- name: Make a new {key.type} host key"
    yield "  ansible.builtin.shell: |"
    yield "    set -e"
    if key.replaces:
        yield f"    rm -f {new} {new}.pub"
    yield f"    ssh-keygen -q -t {key.type}{size} -N '' -C '' -f {new}"
    creates = key.file
    if key.replaces:
        # The backup of the old key has this name; if it exists, the task has already run.
        creates = f"{key.file}.before-sshprobe"
        yield f"    if test -e {key.file}"
        yield f"    then cp -p {key.file} {creates}"
        yield f"    else : > {creates}"
        yield "    fi"
        yield f"    mv {new} {key.file}"
        yield f"    mv {new}.pub {key.file}.pub"
    yield "  args:"
    yield f"    creates: {creates}"
    yield "  notify: Restart sshd"


def _block(change: Change, platform: Platform) -> Iterator[str]:
    # One block per keyword: a later playbook must not undo the fixes of this one.
    keyword = change.text[-1].split()[0]
    yield from comment([*change.reasons, *change.beside])
    yield f"- name: {_text(f'Put {keyword} first in sshd_config')}"
    yield "  ansible.builtin.blockinfile:"
    yield f"    path: {platform.folder}/sshd_config"
    yield "    insertbefore: BOF"
    yield "    backup: true"
    yield f"    validate: {platform.sshd} -t -f %s"
    yield f"    marker: {_text(f'# {{mark}} sshprobe {keyword}')}"
    yield "    block: |"
    for line in change.text:
        yield f"      {line}"
    yield "  notify: Restart sshd"
