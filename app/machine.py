"""What the window tells of the machine, found out beside it: asking a GPU's driver takes time."""

from __future__ import annotations

import platform
import threading
from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

import engine
from engine.events import ModelInfo


class Machine(QObject):
    """`look` asks once, on a thread of its own; `found(processor, line, command)` is the answer:
    a line of advice about the GPU, and a command that installs what is missing."""

    found = Signal(str, str, str)

    def __init__(self, parent: QObject | None = None, ask: Callable[[], object] | None = None):
        super().__init__(parent)
        self._ask = ask or self._facts
        self._thread: threading.Thread | None = None

    def look(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._ask, name="machine", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Wait for the answer, so that nothing is told to a window that is gone."""
        if self._thread is not None:
            self._thread.join()

    def _facts(self) -> None:
        from engine.host import gpu_advice, host

        advice = gpu_advice()
        line, command = (advice.line, advice.command) if advice is not None else ("", "")
        self.found.emit(host().cpu, line, command)


def memory() -> tuple[int, int]:
    """Bytes that this process holds, and bytes that the machine has."""
    import psutil

    return psutil.Process().memory_info().rss, psutil.virtual_memory().total


def diagnostics(models: dict[str, ModelInfo], lines: tuple[str, ...] = ()) -> str:
    """Versions, machine and models as text for a report: no prompts, no paths."""
    import PySide6

    from engine.host import host

    here = host()
    told = [
        f"Draftscope {engine.__version__}, Python {platform.python_version()}, "
        f"Qt {PySide6.__version__}",
        here.system,
        f"{here.cpu}, {here.cores} cores, {here.memory_bytes / 1e9:.1f} GB",
        f"GPUs: {', '.join(here.gpus) or 'none'}",
    ]
    for role, info in models.items():
        told.append(
            f"{role}: {info.name} {info.quantisation}, {info.backend} on {info.device}, "
            f"{info.threads} threads, context {info.context}, {info.library}"
        )
    return "\n".join([*told, *lines])
