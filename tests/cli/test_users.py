"""--auth-user: repeatable, in saved options and the environment; and the users that a table names."""

from __future__ import annotations

import msgspec
import pytest

from sshprobe.cli.options.probing import _PARAMETERS, DEFAULT_AUTH_USERS, _settings
from sshprobe.model.errors import InputError
from sshprobe.model.observation import Observation, UserAuthentication
from sshprobe.model.records import HostRecord
from sshprobe.profiles import load_profile
from sshprobe.remedy import grade
from sshprobe.scan.scanner import Scanner
from sshprobe.scan.settings import ScanSettings
from sshprobe.views.host_stats import record_stats
from tests.cli.test_saved_options import FILE, Run, Values, run, saved, values
from tests.grading.observations import modern

__all__ = ["run", "values"]


def test_two_users_by_default_or_those_named(values: Values) -> None:
    assert values("10.0.0.1")["auth_user"] == DEFAULT_AUTH_USERS
    assert values("10.0.0.1", "--auth-user", "alice")["auth_user"] == ("alice",)
    assert values("10.0.0.1", "--auth-user", "alice", "--auth-user", "bob")["auth_user"] == ("alice", "bob")


def test_users_from_the_environment(values: Values, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSHPROBE_SCAN_AUTH_USER", "alice bob")
    assert values("10.0.0.1")["auth_user"] == ("alice", "bob")
    assert values("10.0.0.1", "--auth-user", "carol")["auth_user"] == ("carol",)


def test_users_are_saved_and_read_again(run: Run, values: Values) -> None:
    users = ["--auth-user", "alice", "--auth-user", "bob"]
    assert run("scan", "--save-as", "a", *users, "10.0.0.1", "--count")[0] == 0
    assert saved()["a"]["auth-user"] == ["alice", "bob"]  # type: ignore[index] # a table of TOML
    assert values("--saved", "a")["auth_user"] == ("alice", "bob")


def test_an_old_saved_table_with_one_user(run: Run, values: Values) -> None:
    FILE.parent.mkdir(parents=True)
    FILE.write_text('[scan.a]\nauth-user = "alice"\ntargets = ["10.0.0.1"]\n')
    assert values("--saved", "a")["auth_user"] == ("alice",)


def test_the_library_takes_one_name_or_several() -> None:
    assert Scanner()._context.settings.auth_users == ("root", "nobody")
    assert Scanner(auth_users="alice")._context.settings.auth_users == ("alice",)
    assert Scanner(auth_users=["alice", "bob", "alice"])._context.settings.auth_users == ("alice", "bob")
    for nobody in ("", [], ["alice", ""]):
        with pytest.raises(InputError):
            Scanner(auth_users=nobody)


def test_hosts_of_one_user_are_counted() -> None:
    def counts(observed: Observation) -> bool:
        verdicts = [grade(observed, load_profile("mozilla-modern"))]
        return record_stats(HostRecord(**msgspec.structs.asdict(observed), verdicts=verdicts)).one_user

    keys = UserAuthentication(methods=["publickey"], none_accepted=False)
    assert counts(modern(authentication_by_user={"root": keys})) is True
    assert counts(modern(authentication_by_user={"root": keys, "nobody": keys})) is False
    assert counts(modern()) is False  # an old record


def test_options_make_the_settings_that_the_library_has_by_default(values: Values) -> None:
    given = values("10.0.0.1")
    settings = _settings(**{name: given[name] for name in _PARAMETERS})  # type: ignore[arg-type] # values of the parsed command line
    ours = msgspec.structs.replace(settings, rate=None)
    assert settings.rate == 200
    assert msgspec.to_builtins(ours, enc_hook=str) | {"exclude": ""} == (
        msgspec.to_builtins(ScanSettings(), enc_hook=str) | {"exclude": ""}
    )
