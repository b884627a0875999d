"""What a set of changes reaches, as `sshprobe.grading.remedy` computes it: reports see no more of the grader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sshprobe.records import Grade


class Promise(Protocol):
    """The verdict when all changes are made."""

    @property
    def grade(self) -> Grade:
        """The letter that is reached."""

    @property
    def grade_is_partial(self) -> bool:
        """Whether the letter may be too good, because not everything was seen."""

    @property
    def score(self) -> int:
        """The score that is reached."""

    @property
    def compliant(self) -> bool | None:
        """Whether the profile is met then."""

    @property
    def left(self) -> Sequence[str]:
        """What cannot be mended, in words."""
