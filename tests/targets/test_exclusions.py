from pathlib import Path

import pytest

from sshprobe.model.errors import InputError
from sshprobe.targets import Exclusions


def test_addresses_networks_ranges_and_names(tmp_path: Path) -> None:
    file = tmp_path / "keep-out.txt"
    file.write_text("# printers\n10.9.0.0/16\n10.0.0.4-6\n")
    exclusions = Exclusions.parse(["192.0.2.1", "2001:db8::/64", "DB.example.org."], files=[str(file)])
    for host in ("192.0.2.1", "2001:db8::1", "db.example.org", "DB.EXAMPLE.ORG.", "10.9.255.7", "10.0.0.4", "10.0.0.6"):
        assert exclusions.covers(host), host
    for host in ("192.0.2.2", "2001:db8:1::1", "example.org", "10.0.0.3", "10.0.0.7", "10.10.0.0"):
        assert not exclusions.covers(host), host
    assert exclusions
    assert not Exclusions()


def test_a_network_is_excluded_with_its_first_and_last_address() -> None:
    exclusions = Exclusions.parse(["192.0.2.0/24", "0.0.0.0/32"])
    assert exclusions.covers("192.0.2.0")
    assert exclusions.covers("192.0.2.255")
    assert exclusions.covers("0.0.0.0")
    assert not exclusions.covers("192.0.3.0")


def test_other_spellings_do_not_evade_an_exclusion() -> None:
    assert Exclusions.parse(["192.0.2.1"]).covers("::ffff:192.0.2.1")
    assert Exclusions.parse(["::ffff:192.0.2.1"]).covers("192.0.2.1")
    assert Exclusions.parse(["::ffff:192.0.2.0/120"]).covers("192.0.2.9")
    assert not Exclusions.parse(["::ffff:192.0.2.0/120"]).covers("192.0.3.9")
    assert Exclusions.parse(["fe80::1"]).covers("fe80::1%eth0")
    assert Exclusions.parse(["2001:DB8:0:0::1"]).covers("2001:db8::1")


def test_an_unreadable_exclude_file_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.txt: cannot be read"):
        Exclusions.parse(files=[str(tmp_path / "missing.txt")])
    with pytest.raises(InputError, match="exclude the host"):
        Exclusions.parse(["web:22"])
    with pytest.raises(InputError, match="is not a network"):
        Exclusions.parse(["10.0.0.0/33"])
    (tmp_path / "empty.txt").write_text("#\n")
    with pytest.raises(InputError, match="has no exclusion"):
        Exclusions.parse(files=[str(tmp_path / "empty.txt")])
