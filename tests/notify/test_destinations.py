"""Files and variables with URLs. No error contains one."""

from __future__ import annotations

from pathlib import Path

import pytest

from sshprobe.model.errors import InputError
from sshprobe.notify.channels import check_channels, send_text
from sshprobe.notify.destinations import Destination, read_destinations
from sshprobe.notify.posting import NotDelivered
from tests.notify.hooks import hooks

TEXT = """\
# where changes go
https://hooks.example.org/ssh?token=abc

secret: my words
mailto://user:pass@example.org
"""


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "notify.conf"
    path.write_text(TEXT)
    path.chmod(0o600)
    notes: list[str] = []
    found = read_destinations(str(path), note=notes.append)
    assert [(each.name, each.is_http) for each in found.urls] == [
        (f"line 2 of {path}", True),
        (f"line 5 of {path}", False),
    ]
    assert found.secret == b"my words"
    assert notes == []
    assert len({each.digest for each in found.urls}) == 2
    path.chmod(0o644)
    read_destinations(str(path), note=notes.append)
    assert notes == [f"{path} can be read by others: `chmod 600` keeps its URLs secret"]


def test_the_environment() -> None:
    variables = {"SSHPROBE_NOTIFY_URL": "http://127.0.0.1:1/a http://127.0.0.1:1/b", "SSHPROBE_NOTIFY_SECRET": "key"}
    found = read_destinations("env", note=print, environment=variables)
    assert [each.name for each in found.urls] == ["URL 1 of SSHPROBE_NOTIFY_URL", "URL 2 of SSHPROBE_NOTIFY_URL"]
    assert found.secret == b"key"
    with pytest.raises(InputError, match="SSHPROBE_NOTIFY_URL: has no URL"):
        read_destinations("env", note=print, environment={})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no URL"),
        ("secret: a\n", "has no URL"),
        ("hooks.example.org/hidden", "line 1 of .*: is not a URL"),
        ("# a\nhttps:///hidden", "line 2 of .*: is not a URL"),
        ("https://hidden example.org/", "is not a URL"),
        ("https://[hidden/", "is not a URL"),
        ("https://example.org:hidden/", "is not a URL"),
        ("https://example.org/hidden\n" * 21, "has more than 20 URLs"),
        ("https://example.org/\x07hidden", "is not a URL"),
    ],
)
def test_lines_that_cannot_be_used(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "notify.conf"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read_destinations(str(path), note=print)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("words", ["https://hooks.example.org/hidden", "slack://hidden"])
def test_a_url_on_the_command_line(words: str) -> None:
    with pytest.raises(InputError, match="others can see a URL on the command line") as caught:
        read_destinations(words, note=print)
    assert "hidden" not in str(caught.value)


def test_a_missing_file() -> None:
    with pytest.raises(InputError, match="missing: cannot be read: No such file"):
        read_destinations("missing", note=print)


@pytest.mark.filterwarnings("ignore:.*imghdr:DeprecationWarning")  # Apprise imports it
def test_apprise(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    with hooks(200, 500) as server:
        url = server.url.replace("http://", "json://").partition("?")[0]
        destination = Destination("line 1", f"{url}?token=hidden", is_http=False)
        check_channels([destination])
        send_text(
            destination, "a title", "<!channel> <http://evil.example|a> @everyone a@openssh.com" + "some text" * 1000
        )
        assert b"a title" in server.taken[0].body
        assert b"..." in server.taken[0].body
        assert b"(!channel) (http://evil.example|a) (at)everyone a@openssh.com" in server.taken[0].body
        with pytest.raises(NotDelivered, match=r"^the channel did not accept it$"):
            send_text(destination, "a title", "text")
    with pytest.raises(InputError, match="line 2: is not a URL that Apprise knows"):
        check_channels([Destination("line 2", "nosuch://hidden", is_http=False)])
    written = capfd.readouterr()
    assert "hidden" not in caplog.text + written.out + written.err
