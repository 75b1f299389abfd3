"""Which group a task belongs to, by its label: `--group-by`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final, Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from crackle_stream.errors import UsageError
from crackle_stream.pattern import Note
from crackle_stream.profile import MAX_GROUPS

OTHER: Final = "__other__"
NO_GROUP: Final = -1
_CACHED_LABELS: Final = 65_536


class GroupSpec(Struct, frozen=True):
    r"""How labels name groups: each its own, one glob, or a regular expression.

    Parameters
    ----------
    kind
        `label`: every label is a group; `glob`: labels that match are one group, named by the
        glob; `regex`: what matches, or its first capture, names the group.
    pattern
        The glob or the expression.

    Examples
    --------
    >>> GroupSpec.parse(r"re:(\w+)-\d+").group_of("build-17")
    'build'
    >>> GroupSpec.parse("etl-*").group_of("build-17") is None
    True
    """

    kind: Literal["label", "glob", "regex"] = "label"
    pattern: str = ""

    @classmethod
    def parse(cls, text: str) -> GroupSpec:
        """Read ``label``, a glob such as ``etl-*``, or ``re:`` and an expression.

        Raises
        ------
        UsageError
            When the expression is none, or the text is empty.
        """
        if text == "label":
            return cls()
        if not text or text == "re:":
            raise UsageError("no groups to make: write label, a glob like etl-*, or re:(\\w+)-\\d+")
        if not text.startswith("re:"):
            return cls("glob", text)
        spec = cls("regex", text.removeprefix("re:"))
        spec._expression()
        return spec

    def group_of(self, label: str) -> str | None:
        """Give the group of a label; None where it has none."""
        if self.kind == "label":
            return label
        if self.kind == "glob":
            return self.pattern if fnmatchcase(label, self.pattern) else None
        found = self._expression().search(label)
        if found is None:
            return None
        return found.group(1) if found.re.groups else found.group()

    def _expression(self) -> re.Pattern[str]:
        try:
            return re.compile(self.pattern)
        except re.error as error:
            raise UsageError(f"group-by {self.pattern!r} is no expression: {error}") from error


class GroupMapper:
    """Groups of labels as small numbers, in the order in which the log brings them up.

    The first groups in log order keep their names; later ones count under ``__other__``.

    Parameters
    ----------
    spec
        How labels name groups.
    limit
        Named groups at most.

    Examples
    --------
    >>> mapper = GroupMapper(GroupSpec(), limit=2)
    >>> mapper.codes(["a", "b", "a", "c", "d"])
    array([0, 1, 0, 2, 2], dtype=int32)
    >>> mapper.names
    ['a', 'b', '__other__']
    """

    def __init__(self, spec: GroupSpec, limit: int = MAX_GROUPS) -> None:
        self.spec = spec
        self.limit = limit
        self.names: list[str] = []
        self.overflow = 0
        self._seen = 0
        self._codes: dict[str, int] = {}
        self._cache: dict[str, int] = {}

    def codes(self, labels: Sequence[str], first: int | None = None) -> NDArray[np.int32]:
        """Give the group number of each label, `NO_GROUP` where it has none; int32.

        Parameters
        ----------
        labels
            In log order.
        first
            Log position of the first of them; None: after those seen. What is read again is not
            counted again.
        """
        first = self._seen if first is None else first
        cache = self._cache
        codes = np.empty(len(labels), np.int32)
        for row, label in enumerate(labels):
            code = cache.get(label)
            codes[row] = self._learn(label) if code is None else code
        if len(self.names) > self.limit:
            self.overflow += int((codes[max(self._seen - first, 0) :] == self.limit).sum())
        self._seen = max(self._seen, first + len(labels))
        return codes

    def notes(self) -> tuple[Note, ...]:
        """Say how many events were counted under ``__other__``, if any."""
        if not self.overflow:
            return ()
        text = (
            f"{self.overflow:,} events of further groups than the first {self.limit:,} "
            f"were counted under {OTHER}"
        )
        return (Note("groups", text),)

    def _learn(self, label: str) -> int:
        group = self.spec.group_of(label)
        code = NO_GROUP if group is None else self._code(group)
        if len(self._cache) >= _CACHED_LABELS:
            self._cache.clear()
        self._cache[label] = code
        return code

    def _code(self, group: str) -> int:
        code = self._codes.get(group)
        if code is not None:
            return code
        if len(self._codes) == self.limit:
            self.names[self.limit :] = [OTHER]
            return self.limit
        self.names.append(group)
        self._codes[group] = len(self._codes)
        return self._codes[group]
