"""One window as the detectors are given it, and the gates of the normal rate."""

from __future__ import annotations

from typing import NamedTuple

from crackle_stream.detect.candidate import Candidate, Detection
from crackle_stream.detect.phase.phases import Phases, find_phases
from crackle_stream.detect.roles import Roles, find_roles
from crackle_stream.detect.significance import accept
from crackle_stream.detect.view import View, table_of, view_table
from crackle_stream.pattern import KINDS
from crackle_stream.profile import ThermalProfile
from tests.bench.streams import Values

RATE = ThermalProfile().rate
LEVEL = RATE.false_discovery / len(KINDS)


class Window(NamedTuple):
    """What a detector takes."""

    view: View
    roles: Roles
    phases: Phases


def columns_of(values: Values) -> dict[str, Values]:
    """Name the columns m00, m01 and so on."""
    return {f"m{number:02d}": column for number, column in enumerate(values.T)}


def window_of(columns: dict[str, Values], *, phased: bool = False) -> Window:
    """Give a window of named columns; its phases are left out unless they are asked for."""
    view = view_table(table_of(dict(columns)))
    roles = find_roles(view)
    return Window(view, roles, find_phases(view, roles) if phased else Phases(Detection((), 0), {}))


def said(detection: Detection) -> list[Candidate]:
    """Give what the normal rate would say of one window."""
    return accept([detection], RATE, LEVEL)
