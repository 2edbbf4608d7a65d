"""Making drafts: one at a time, in a process of its own, in folders that outlive the window."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
from PySide6.QtCore import QObject, Signal

from app.child import Child
from app.sources import source_name
from engine.distil.figures import Failed, Learnt, Line, Step
from engine.distil.folder import Folder
from engine.distil.plan import Plan
from engine.errors import DraftscopeError, ErrorInfo

State = Literal["finished", "stopped", "running", "quantised", "unreadable"]
_SUFFIX = ".work"


class Made(NamedTuple):
    """A draft, whole or on its way. path: the folder, or the file of a quantisation. plan: None of
    a quantisation, and where it cannot be read."""

    path: Path
    state: State
    plan: Plan | None = None

    @property
    def source(self) -> str | None:
        """What to draft with; None while it is not whole."""
        if self.state == "quantised":
            return str(self.path)
        for kind in ("Q8_0", "Q4_0", "F16"):
            file = self.path / f"draft-{kind}.gguf"
            if file.is_file():
                return str(file)
        return str(self.path) if (self.path / "config.json").is_file() else None


class DraftMaker(QObject):
    """stepped(Step), learnt(Learnt): of the one that is made. ended(Path): it is whole.
    failed(ErrorInfo), cancelled(): it is not; the work stays and can be resumed. changed: what
    there is, or what runs."""

    stepped = Signal(object)
    learnt = Signal(object)
    ended = Signal(object)
    failed = Signal(object)
    cancelled = Signal()
    changed = Signal()

    def __init__(self, root: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.root = root
        self.running: Path | None = None
        self.child = _Child(self)
        self.child.told.connect(self._on_told)
        self.child.done.connect(self._on_done)
        self.child.failed.connect(self._on_failed)
        self.child.cancelled.connect(self._on_cancelled)

    def made(self) -> list[Made]:
        """What there is, by name; what cannot be read is listed as that."""
        found: list[Made] = []
        try:
            paths = sorted(self.root.iterdir())
        except OSError:
            return []
        for path in paths:
            if path.suffix == ".gguf":
                found.append(Made(path, "quantised"))
            elif path.suffix == _SUFFIX and path.is_dir():
                found.append(self._distilled(Folder(path.with_suffix(""))))
            elif path.is_dir() and not path.with_name(path.name + _SUFFIX).is_dir():
                found.append(Made(path, "finished"))
        return found

    def _distilled(self, folder: Folder) -> Made:
        try:
            plan = folder.read_plan()
        except DraftscopeError:
            return Made(folder.out, "unreadable")
        if folder.out == self.running:
            return Made(folder.out, "running", plan)
        return Made(folder.out, "finished" if folder.out.is_dir() else "stopped", plan)

    def distil(self, plan: Plan) -> Path | None:
        """Begin a draft; its folder. None while another one is made."""
        if self.child.running:
            return None
        word = re.sub(r"[^A-Za-z0-9]+", "-", source_name(plan.target) or "smollm2-135m").strip("-")
        out = self.root / f"{word}-draft"
        number = 1
        while out.exists() or Folder(out).work.exists():
            number += 1
            out = self.root / f"{word}-draft-{number}"
        self._start(out, plan, resume=False)
        return out

    def resume(self, made: Made, plan: Plan | None = None) -> None:
        """Go on with one that was stopped, or train a finished one longer: by another plan."""
        plan = plan or made.plan
        if plan is not None and not self.child.running:
            self._start(made.path, plan, resume=True)

    def _start(self, out: Path, plan: Plan, *, resume: bool) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        self.running = out
        self.child.start(["distil", *plan.options(), "--out", str(out)] +
                         (["--resume"] if resume else []))  # fmt: skip
        self.changed.emit()

    def quantised(self, source: Path, quantisation: str) -> Path:
        """The file of a quantisation of this very file."""
        known = source.stat()
        identity = f"{source.resolve()} {known.st_size} {known.st_mtime_ns}"
        digest = hashlib.blake2s(identity.encode(), digest_size=4).hexdigest()
        return self.root / f"{source.stem}-{digest}-{quantisation}.gguf"

    def quantise(self, source: Path, quantisation: str) -> Path | None:
        """Write a quantisation, unless it is there; its file. None while another one is made."""
        if self.child.running:
            return None
        out = self.quantised(source, quantisation)
        if out.is_file():
            self.ended.emit(out)
            return out
        self.root.mkdir(parents=True, exist_ok=True)
        self.running = out
        words = ["quantise", "--target", str(source), "--to", quantisation, "--out", str(out)]
        self.child.start(words)
        self.changed.emit()
        return out

    def stop(self) -> None:
        """What was done stays."""
        self.child.cancel()
        self.changed.emit()

    def remove(self, made: Made) -> None:
        """Delete a draft with its work. Raises OSError."""
        if made.path == self.running:
            return
        for path in (made.path, Folder(made.path).work):
            if path.is_dir():
                shutil.rmtree(path)
            elif path.is_file():
                path.unlink()
        self.changed.emit()

    def _on_told(self, line: Line) -> None:
        if isinstance(line, Step):
            self.stepped.emit(line)
        elif isinstance(line, Learnt):
            self.learnt.emit(line)

    def _leave(self) -> Path | None:
        out, self.running = self.running, None
        if out is not None and out.suffix == ".gguf":
            out.with_name(f"{out.name}.part").unlink(missing_ok=True)  # of a killed process
        return out

    def _on_done(self) -> None:
        out = self._leave()
        self.changed.emit()
        self.ended.emit(out)

    def _on_failed(self, error: ErrorInfo) -> None:
        self._leave()
        self.changed.emit()
        self.failed.emit(error)

    def _on_cancelled(self) -> None:
        self._leave()
        self.changed.emit()
        self.cancelled.emit()


class _Child(Child):
    """told(Step | Learnt)."""

    told = Signal(object)
    what = "Making the draft"
    kind = "DraftError"
    patience_ms = 30_000  # it finishes its step of training and saves

    def start(self, arguments: Sequence[str]) -> None:
        self.start_command(arguments)

    def on_line(self, text: bytes) -> None:
        with suppress(msgspec.DecodeError, UnicodeError):
            line = msgspec.json.decode(text, type=Line)
            if isinstance(line, Failed):
                self.error = ErrorInfo(self.kind, line.message, line.hint)
            else:
                self.told.emit(line)
