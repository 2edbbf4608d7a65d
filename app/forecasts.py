"""What other drafters would have done on finished runs: worked out once, in the pauses of the
window, and kept as long as the run."""

from __future__ import annotations

from collections.abc import Iterator
from weakref import WeakKeyDictionary

from PySide6.QtCore import QObject, QTimer, Signal

from engine.cost import Costs
from engine.forecast import Forecast, best, each_forecast
from engine.trace import Run


class Forecasts(QObject):
    """`ask` once a run has finished; `ready` when `of` knows more. One replay a turn of the event
    loop, so that a long text holds up no frame for long."""

    ready = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._known: WeakKeyDictionary[Run, Forecast | None] = WeakKeyDictionary()
        self._run: Run | None = None
        self._coming: Iterator[Forecast] = iter(())
        self._found: list[Forecast] = []
        self._turn = QTimer(self)
        self._turn.setInterval(0)
        self._turn.timeout.connect(self._next)

    def of(self, run: Run | None) -> Forecast | None:
        """The best of the other drafters, as far as it is known."""
        return self._known.get(run) if run is not None else None

    def ask(self, run: Run, costs: Costs) -> None:
        """Begin with a finished run, unless it is known or under way; the last one asked counts."""
        if run.finished is None or run in self._known or run is self._run:
            return
        self._run, self._found = run, []
        self._coming = each_forecast(run, costs)
        self._turn.start()

    def _next(self) -> None:
        run = self._run
        found = next(self._coming, None)
        if found is not None:
            self._found.append(found)
            return
        self._turn.stop()
        self._run = None
        if run is not None:
            self._known[run] = best(self._found, but=run.started.config.drafter)
            self.ready.emit()
