"""The parameters of requests: their types, checks and descriptions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request

from sshprobe.model.verdict import GRADES
from sshprobe.serve.fleet.selection import MOST, SORTS

DEFAULT_LIMIT = 100

LONGEST = 256
"""The most characters of a parameter."""


class Parameter(NamedTuple):
    """A parameter of the query."""

    name: str
    words: str
    choices: tuple[str, ...] = ()
    """All its values. Empty: any text, or a number."""
    least: int | None = None
    """The least number. None: it is a text."""
    most: int = 0
    is_required: bool = False

    def schema(self) -> dict[str, Any]:
        """Return its JSON Schema."""
        if self.least is not None:
            return {"type": "integer", "minimum": self.least, "maximum": self.most}
        if self.choices:
            return {"type": "string", "enum": list(self.choices)}
        return {"type": "string", "minLength": 1, "maxLength": LONGEST}


PROFILE = Parameter("profile", "Grades and findings under this profile. By default that of most hosts.")
LIMIT = Parameter("limit", f"The most rows, {DEFAULT_LIMIT} by default.", least=1, most=MOST)
CURSOR = Parameter("cursor", "`next` of the page before.")
SORT = Parameter("sort", "The order; `worst` by default.", SORTS)

FILTERS = (
    Parameter("q", "Part of the name, address, software or a label."),
    Parameter("grade", f"Letters, separated by commas: {', '.join(GRADES)}, none."),
    Parameter("compliant", "Whether hosts comply.", ("true", "false", "null")),
    Parameter("label", 'A label: "env=prod".'),
    Parameter("status", "Ends of the probe, separated by commas."),
    Parameter("software", "The software, as in `HostRow`."),
    Parameter("network", "Networks, separated by commas."),
    Parameter("finding", "The id of a finding, and after a blank its algorithm."),
    Parameter("algorithm", "The name of an algorithm that hosts offer."),
    Parameter("key", 'The fingerprint of a host key: "SHA256:...".'),
    Parameter("quantum", "Whether hosts offer a post-quantum key exchange.", ("true", "false", "null")),
    Parameter("severity", "Severities of findings, separated by commas."),
)


def read_parameters(request: Request, known: Iterable[Parameter]) -> dict[str, Any]:
    """Return the parameters of a request; numbers as numbers. Raises 400 for a wrong or unknown one."""
    by_name: Mapping[str, Parameter] = {each.name: each for each in known}
    found: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        parameter = by_name.get(name)
        if parameter is None:
            raise HTTPException(400, f"unknown parameter {name[:50]!r}: there are {', '.join(by_name) or 'none here'}")
        if name in found:
            raise HTTPException(400, f"{name} is there twice")
        found[name] = _checked(parameter, value)
    for parameter in by_name.values():
        if parameter.is_required and parameter.name not in found:
            raise HTTPException(400, f"{parameter.name} is missing")
    return found


def _checked(parameter: Parameter, value: str) -> str | int:
    if parameter.least is not None:
        if not (value.isascii() and value.isdigit() and len(value) <= 9):
            raise HTTPException(400, f"{parameter.name} is not a number")
        number = int(value)
        if not parameter.least <= number <= parameter.most:
            raise HTTPException(400, f"{parameter.name} is not between {parameter.least} and {parameter.most}")
        return number
    if parameter.choices and value not in parameter.choices:
        raise HTTPException(400, f"{parameter.name} is one of {', '.join(parameter.choices)}")
    if not 1 <= len(value) <= LONGEST:
        raise HTTPException(400, f"{parameter.name} is not a text of 1 to {LONGEST} characters")
    return value
