"""The ten name-lists are the same in `model`, in the wire, which may not import it, and in observations."""

from sshprobe.model.name_lists import ALGORITHM_TYPES, FIELDS, NAME_LISTS
from sshprobe.model.observation import Observation
from sshprobe.wire import messages


def test_model_wire_and_observations_agree() -> None:
    fields = Observation.__struct_fields__
    start = fields.index("kex_algorithms")
    assert NAME_LISTS == messages.NAME_LISTS == fields[start : start + 10]
    assert len(set(NAME_LISTS)) == 10
    assert tuple(FIELDS) == ALGORITHM_TYPES
