"""The false discovery level across many checkpoints: LORD++."""

from __future__ import annotations

from typing import Final

_DECAY: Final = 1.6
_TOTAL: Final = 2.2857656  # zeta(1.6): the weights add up to one


def weight(steps: int) -> float:
    """Give the share of wealth spent `steps` checkpoints after it was earned; all add up to 1."""
    return float(steps**-_DECAY / _TOTAL) if steps >= 1 else 0.0


class OnlineLevel:
    """The level of each checkpoint's tests, when checkpoints follow one another without a plan.

    LORD++ of Ramdas, Yang, Wainwright and Jordan (2017): half of the level is spread over all
    checkpoints to come, and each checkpoint that finds something earns more. On a stream with
    nothing in it, the chance that any of all its checkpoints says anything is at most half the
    level, however many they are. Weights fall with the power 1.6, as is usual for its successors.

    Parameters
    ----------
    level
        The false discovery level to hold over all checkpoints.

    Examples
    --------
    >>> levels = OnlineLevel(0.05)
    >>> first, second = levels.next(found=False), levels.next(found=True)
    >>> first > second and levels.next(found=False) > second
    True
    """

    def __init__(self, level: float) -> None:
        self._level = level
        self._checkpoint = 0
        self._earned: list[int] = []

    @property
    def current(self) -> float:
        """The level of the checkpoint that comes next."""
        step = self._checkpoint + 1
        half = self._level / 2
        total = half * weight(step)
        for place, at in enumerate(self._earned):
            total += (self._level - half if place == 0 else self._level) * weight(step - at)
        return total

    def next(self, *, found: bool) -> float:
        """Close a checkpoint, saying whether it found anything; give the level it had."""
        level = self.current
        self._checkpoint += 1
        if found:
            self._earned.append(self._checkpoint)
        return level
