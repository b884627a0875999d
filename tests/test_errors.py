from sshprobe.model.errors import InputError


def test_the_message_names_the_place() -> None:
    assert str(InputError("is wrong")) == "is wrong"
    assert str(InputError("is wrong", source="targets.txt")) == "targets.txt: is wrong"
    assert str(InputError("is wrong", source="targets.txt", line=17)) == "targets.txt:17: is wrong"
