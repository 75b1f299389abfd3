"""Detectors of your own, as profiles take them: installed packages register them by entry point."""

from __future__ import annotations

import re
import traceback
from collections.abc import Collection, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, NoReturn

from crackle_stream.detector import GROUP, Detector, DetectorError, Registered, Summary
from crackle_stream.errors import UsageError
from crackle_stream.pattern import CUSTOM, KINDS

LONGEST: Final = 300
"""Characters of what an exception says that are told."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")


def installed_names() -> tuple[str, ...]:
    """Give the names of the detectors that are installed, sorted; nothing is imported."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


def load_installed(without: Collection[str] = ()) -> tuple[Registered, ...]:
    """Import the detectors that are installed, but for some, by name.

    One that cannot be imported is given all the same: it fails, with the reason, wherever it is
    asked, so that it is named in every report that lacks it.

    Raises
    ------
    UsageError
        When two have the same name, or one has a name that none can have.
    """
    points = sorted(entry_points(group=GROUP), key=lambda point: (point.name, _package(point)))
    wanted = [point for point in points if point.name not in without]
    loaded = [Registered(point.name, _package(point), _load(point)) for point in wanted]
    check_names(loaded)
    return tuple(loaded)


def check_known(name: str, where: str) -> None:
    """Refuse a name that is neither a kind of pattern nor that of an installed detector.

    Raises
    ------
    UsageError
        When it is none; the message begins with where the name stands.
    """
    if name in KINDS:
        return
    known = (*KINDS, *installed_names())
    if name not in known:
        raise UsageError(f"{where}: {name!r} is not one of {', '.join(known)}")


def register(detector: Detector, package: str | None = None) -> Registered:
    """Take a detector as profiles hold it.

    Parameters
    ----------
    detector
        The detector.
    package
        What it comes from; by default the module of its class.

    Raises
    ------
    UsageError
        When it is none.
    """
    try:
        checked(detector)
    except DetectorError as error:
        raise UsageError(f"{detector!r} is no detector: {error}") from error
    return Registered(detector.name, package or f"module {type(detector).__module__}", detector)


def checked(detector: Any) -> Detector:
    """Give a detector, or one made of a class.

    Raises
    ------
    DetectorError
        When it has no name, or cannot start.
    """
    found: Detector = detector() if isinstance(detector, type) else detector
    if not isinstance(getattr(found, "name", None), str):
        raise DetectorError("it has no `name`, which must be a str")
    if not callable(getattr(found, "start", None)):
        raise DetectorError("it has no `start()`, which must give an empty summary")
    return found


def check_names(detectors: Sequence[Registered]) -> None:
    """Refuse names that mean two things.

    Raises
    ------
    UsageError
        When two detectors have the same name, or one that none can have.
    """
    packages: dict[str, str] = {}
    for one in detectors:
        if one.name in (*KINDS, CUSTOM) or not _NAME.fullmatch(one.name):
            raise UsageError(
                f"{one.package} names a detector {one.name!r}: a name is of lower-case letters, "
                f"digits, - and _, and none of {', '.join((*KINDS, CUSTOM))}; uninstall it"
            )
        if one.name in packages:
            raise UsageError(
                f"two detectors are named {one.name!r}: that of {packages[one.name]} and that of "
                f"{one.package}; uninstall one, or hide both (--without {one.name})"
            )
        packages[one.name] = one.package


def why(error: BaseException) -> str:
    """Tell an exception in one short line, with the module and the line that raised it.

    Examples
    --------
    >>> why(DetectorError("it has no name"))
    'it has no name'
    """
    if isinstance(error, DetectorError):
        return _brief(str(error))
    told = _brief("".join(traceback.format_exception_only(error)))
    frames = list(traceback.walk_tb(error.__traceback__))
    own = [(frame, line) for frame, line in frames if not _ours(frame.f_globals)]
    if not own:
        return told
    frame, line = own[-1]
    return f"{told} ({frame.f_globals.get('__name__')}, line {line})"


class Unloaded:
    """Stands for a detector that could not be imported."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason

    def start(self) -> Summary:
        """Fail."""
        _fail(self.reason)


def _brief(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."


def _fail(reason: str) -> NoReturn:
    raise DetectorError(reason)


def _load(point: EntryPoint) -> Detector:
    try:
        found = checked(point.load())
        if found.name != point.name:
            raise DetectorError(f"its name is {found.name!r}, and not that of its entry point")
    except (Exception, SystemExit) as error:  # Whatever a package does when it is imported.
        return Unloaded(point.name, f"{point.value} cannot be loaded: {why(error)}")
    return found


def _package(point: EntryPoint) -> str:
    return "an unnamed package" if point.dist is None else f"{point.dist.name} {point.dist.version}"


def _ours(names: dict[str, Any]) -> bool:
    """Whether a frame is one of this package or of Python's import system."""
    module = str(names.get("__name__")).split(".")[0]
    return module in ("crackle_stream", "importlib")
