"""Labels of targets: comments, variables and groups of Ansible, and those of all targets."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from sshprobe.model.errors import InputError
from sshprobe.targets import LiveTargets, Target, parse_targets, targets_of_records
from sshprobe.targets.specs import is_label, labels_of_comment
from sshprobe.targets.stream import TargetStream
from tests.sample_records import failed


def labels(stream: TargetStream) -> dict[str, tuple[str, ...]]:
    return {target.host: target.labels for target in stream}


def test_a_comment_of_labels_alone_is_labels(tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_text(
        "192.0.2.1 # env=prod team=web\n192.0.2.2 # the old one, env=prod\n192.0.2.3\n"
        "web1:2222 # env=prod env=prod\n192.0.2.8/30 # net=dmz\n"
    )
    assert labels(parse_targets([], files=[str(file)])) == {
        "192.0.2.1": ("env=prod", "team=web"),
        "192.0.2.2": (),
        "192.0.2.3": (),
        "192.0.2.9": ("net=dmz",),
        "192.0.2.10": ("net=dmz",),
        "web1": ("env=prod",),
    }
    inventory = parse_targets([], inventories=[str(file)], inventory_format="list", labels=["all=1"])
    assert labels(inventory)["192.0.2.1"] == ("all=1", "env=prod", "team=web")
    live = LiveTargets(io.BytesIO(file.read_bytes()), (22,), labels=["all=1"])
    live.wait()
    assert live.__next__() == Target("192.0.2.1", "192.0.2.1", 22, ("all=1", "env=prod", "team=web"))


def test_more_than_eight_labels_are_an_error(tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_text("192.0.2.1\n192.0.2.2 # " + " ".join(f"k{n}=v" for n in range(9)))
    with pytest.raises(InputError, match="hosts:2: has 9 labels: a target has at most 8"):
        parse_targets([], files=[str(file)])
    file.write_text("192.0.2.2 # " + " ".join(f"k{n}=v" for n in range(8)))
    with pytest.raises(InputError, match=r'"192\.0\.2\.2" has 9 labels'):
        parse_targets([], files=[str(file)], labels=["env=prod"])


@pytest.mark.parametrize("text", ["env", "=prod", "env=", "env= x", "a b=c", "env==x", "env=a,b", "1env=x", "env=\x1b"])
def test_what_is_not_a_label(text: str) -> None:
    assert not is_label(text)
    assert labels_of_comment(f"a=b {text}") == ()


def test_groups_and_variables_of_ansible_are_labels(tmp_path: Path) -> None:
    file = tmp_path / "inventory.json"
    hostvars = {
        "web1": {"ansible_host": "192.0.2.1", "sshprobe_label_env": "prod", "sshprobe_label_dmz": True},
        "db1": {"ansible_host": "192.0.2.2", "sshprobe_label_note": "two words"},
    }
    groups = {
        "all": {"children": ["ungrouped", "production"]},
        "production": {"children": ["web"]},
        "web": {"hosts": ["web1"]},
        "ungrouped": {"hosts": ["db1"]},
    }
    file.write_text(json.dumps({"_meta": {"hostvars": hostvars}, **groups}))
    stream = parse_targets([], inventories=[str(file)])
    assert labels(stream) == {
        "192.0.2.1": ("env=prod", "dmz=true", "group=web", "group=production"),
        "192.0.2.2": (),
    }
    assert stream.notices == [f"{file}: 1 left out: labels with spaces, commas or an empty value"]


def test_records_as_targets_keep_their_labels() -> None:
    class Placed(list[object]):
        source, line = "r.jsonl", None

    import msgspec

    record = msgspec.structs.replace(failed("refused", "refused"), labels=["env=prod"])
    spec = next(targets_of_records(Placed([record]), name="r.jsonl"))  # type: ignore[arg-type] # a list is enough here
    assert spec.labels == ("env=prod",)
