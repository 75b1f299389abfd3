"""What a kiln fires: tasks, their outputs, and layers that derive more metrics from an output."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeAlias, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from crackle_stream.event import ANONYMOUS

T = TypeVar("T")

Metrics: TypeAlias = Mapping[str, float]
Derivation: TypeAlias = Callable[[Metrics], float]


class TaskOutput(Struct, Generic[T], frozen=True):
    """A task's result and the numbers it reports.

    Examples
    --------
    >>> TaskOutput("done").with_metric("rows", 12).with_metric("errors", 0).metrics
    {'rows': 12.0, 'errors': 0.0}
    """

    value: T
    metrics: dict[str, float] = field(default_factory=dict)

    def with_metric(self, name: str, value: float) -> TaskOutput[T]:
        """Give the same output with one more metric, or another value of it."""
        return self.with_metrics({name: value})

    def with_metrics(self, metrics: Metrics) -> TaskOutput[T]:
        """Give the same output with more metrics; those given override those there."""
        added = {name: float(value) for name, value in metrics.items()}
        return replace(self, metrics={**self.metrics, **added})


class CrackleTask(ABC, Generic[T]):
    """Something to run: subclass it and write `fire`; give it a `label`.

    Examples
    --------
    >>> class Sensor(CrackleTask[float]):
    ...     label = "sensor"
    ...     def fire(self) -> TaskOutput[float]:
    ...         return TaskOutput(22.5).with_metric("temperature", 22.5)
    >>> Sensor().fire().metrics
    {'temperature': 22.5}
    """

    label: str = ANONYMOUS

    @abstractmethod
    def fire(self) -> TaskOutput[T]:
        """Do the work; the hot phase."""

    def cool(
        self,
        output: TaskOutput[T],  # noqa: ARG002
        all_metrics: Sequence[Metrics],  # noqa: ARG002
    ) -> TaskOutput[T] | None:
        """Look back once all tasks have run; metrics of what is returned override this task's.

        Parameters
        ----------
        output
            What `fire` returned.
        all_metrics
            The metrics of every task of the cycle, in firing order.

        Returns
        -------
        TaskOutput or None
            None leaves everything as it is.
        """
        return None


class GlazeLayer(CrackleTask[T]):
    """A task with metrics derived from its own, and perhaps another label.

    Examples
    --------
    >>> class Build(CrackleTask[None]):
    ...     label = "build"
    ...     def fire(self) -> TaskOutput[None]:
    ...         return TaskOutput(None, {"seconds": 40.0, "tests": 800.0})
    >>> pace = lambda metrics: metrics["tests"] / metrics["seconds"]
    >>> GlazeLayer(Build()).with_derived_metric("pace", pace).fire().metrics["pace"]
    20.0
    """

    def __init__(self, task: CrackleTask[T]) -> None:
        self.label = task.label
        self._task = task
        self._derived: tuple[tuple[str, Derivation], ...] = ()

    def with_derived_metric(self, name: str, derive: Derivation) -> GlazeLayer[T]:
        """Give a layer that also reports ``derive(metrics)``, which sees metrics derived before."""
        return self._copy(self.label, (*self._derived, (name, derive)))

    def with_label(self, label: str) -> GlazeLayer[T]:
        """Give a layer with another label."""
        return self._copy(label, self._derived)

    def fire(self) -> TaskOutput[T]:
        """Fire the task inside and derive."""
        return self._glaze(self._task.fire())

    def cool(self, output: TaskOutput[T], all_metrics: Sequence[Metrics]) -> TaskOutput[T] | None:
        """Let the task inside look back, and derive again from what it returns."""
        reflected = self._task.cool(output, all_metrics)
        return None if reflected is None else self._glaze(reflected)

    def _glaze(self, output: TaskOutput[T]) -> TaskOutput[T]:
        for name, derive in self._derived:
            output = output.with_metric(name, derive(output.metrics))
        return output

    def _copy(self, label: str, derived: tuple[tuple[str, Any], ...]) -> GlazeLayer[T]:
        layer = GlazeLayer(self._task)
        layer.label, layer._derived = label, derived
        return layer


def reflects(task: CrackleTask[Any]) -> bool:
    """Whether a task looks back at all, so that its output has to be kept until cooling."""
    inner = task._task if isinstance(task, GlazeLayer) else task
    return reflects(inner) if inner is not task else type(task).cool is not CrackleTask.cool
