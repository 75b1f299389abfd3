"""An append-only log of task events, and a cooling pass that finds the patterns in it.

Names are loaded when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crackle_stream.cooling.plan import Plan
    from crackle_stream.cooling.report import CoolingReport
    from crackle_stream.detector import Claim, Verdict
    from crackle_stream.errors import CrackleError
    from crackle_stream.event import TaskEvent
    from crackle_stream.ingest.limits import Limits
    from crackle_stream.kiln import Kiln
    from crackle_stream.pattern import (
        ClusteringPattern,
        ConservationPattern,
        CorrelationPattern,
        CracklePattern,
        CustomPattern,
        PhaseTransitionPattern,
    )
    from crackle_stream.profile import CoolingRate, ThermalProfile
    from crackle_stream.stats.alarm import Alarm
    from crackle_stream.task import CrackleTask, GlazeLayer, TaskOutput
    from crackle_stream.window.checkpoints import CheckpointSpec
    from crackle_stream.window.groups import GroupSpec
    from crackle_stream.window.spec import WindowSpec

__all__ = [
    "Alarm",
    "CheckpointSpec",
    "Claim",
    "ClusteringPattern",
    "ConservationPattern",
    "CoolingRate",
    "CoolingReport",
    "CorrelationPattern",
    "CrackleError",
    "CracklePattern",
    "CrackleTask",
    "CustomPattern",
    "GlazeLayer",
    "GroupSpec",
    "Kiln",
    "Limits",
    "PhaseTransitionPattern",
    "Plan",
    "TaskEvent",
    "TaskOutput",
    "ThermalProfile",
    "Verdict",
    "WindowSpec",
]

_HOMES = {
    "cooling.plan": ("Plan",),
    "cooling.report": ("CoolingReport",),
    "detector": ("Claim", "Verdict"),
    "errors": ("CrackleError",),
    "event": ("TaskEvent",),
    "ingest.limits": ("Limits",),
    "kiln": ("Kiln",),
    "profile": ("CoolingRate", "ThermalProfile"),
    "stats.alarm": ("Alarm",),
    "task": ("CrackleTask", "GlazeLayer", "TaskOutput"),
    "window.checkpoints": ("CheckpointSpec",),
    "window.groups": ("GroupSpec",),
    "window.spec": ("WindowSpec",),
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = next((home for home, names in _HOMES.items() if name in names), "pattern")
    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return __all__
