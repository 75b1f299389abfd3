"""A window read again, with what detectors know of it before they begin."""

from __future__ import annotations

from functools import cached_property

from crackle_stream.detect.phase.phases import Phases, find_phases
from crackle_stream.detect.resolution import Rounding, rounding_of
from crackle_stream.detect.roles import Roles, find_roles
from crackle_stream.detect.view import View


class Opened:
    """A window of which roles, phases and rounding are found when they are asked for."""

    def __init__(self, view: View) -> None:
        self.view = view

    @cached_property
    def roles(self) -> Roles:
        """What each metric is."""
        return find_roles(self.view)

    @cached_property
    def phases(self) -> Phases:
        """What changed when."""
        return find_phases(self.view, self.roles)

    @cached_property
    def rounding(self) -> Rounding:
        """How metrics were rounded."""
        return rounding_of(self.view.sample, self.roles.resolution)
