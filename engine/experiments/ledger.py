"""The folder of an experiment: what is finished is never lost, and never done twice.

    spec.json       the spec, complete
    results.jsonl   one record a line, on disk once a run and its baseline have ended
    recordings/     the events of each run
    report.html, results.csv

After a crash `results.jsonl` may end in a torn line, which is cut off, and `recordings` may hold
runs that did not end, which are deleted.
"""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import msgspec

from engine import lock
from engine.errors import ConfigError, RecordingError
from engine.experiments.records import (
    RESULTS_SCHEMA,
    AnyLine,
    CellFailed,
    Experiment,
    RunDone,
)
from engine.experiments.spec import Spec
from engine.host import host

SPEC, RESULTS, RECORDINGS, LOCK = "spec.json", "results.jsonl", "recordings", "lock"


class Ledger:
    """Open for writing by one process at a time.

    done: (cell, repeat) of the runs on record. failed: cells that are marked so.
    """

    def __init__(self, folder: Path, spec: Spec, *, resume: bool, retry: bool = False) -> None:
        """resume: go on with an experiment of the same spec. retry: try failed cells again.

        Raises ConfigError if the folder holds another experiment, or one and `resume` is not asked
        for, or is in use; RecordingError if it cannot be written.
        """
        self.folder = folder
        self.done: set[tuple[str, int]] = set()
        self.failed: set[str] = set()
        self._file: BinaryIO | None = None
        self._encoder = msgspec.json.Encoder()
        digest = hashlib.blake2s(msgspec.json.encode(spec), digest_size=8).hexdigest()
        self._check_folder(spec, resume)
        try:
            (folder / RECORDINGS).mkdir(parents=True, exist_ok=True)
            lock.take(folder / LOCK)
            try:
                self._take_up(retry)
                _write_whole(
                    folder / SPEC, msgspec.json.format(msgspec.json.encode(spec), indent=2)
                )
                self._file = (folder / RESULTS).open("ab", buffering=0)
                now = datetime.now(UTC).isoformat(timespec="seconds")
                self.append(Experiment(RESULTS_SCHEMA, digest, now, host()))
            except BaseException:
                self.close()
                raise
        except OSError as error:
            raise _cannot_write(folder, error) from error

    def _check_folder(self, spec: Spec, resume: bool) -> None:
        folder = self.folder
        if folder.exists() and not folder.is_dir():
            raise ConfigError(f"{folder.name} is a file.", "Name a folder with --out.")
        known = folder / SPEC
        if not known.exists():
            if (folder / RESULTS).exists():
                raise ConfigError(
                    f"{folder.name} holds results without their spec.", "Name another folder."
                )
            return
        if not resume:
            raise ConfigError(
                f"{folder.name} holds an experiment already.",
                "Go on with it by --resume, or name another folder with --out.",
            )
        if read_saved_spec(folder) != spec:
            raise ConfigError(
                f"{folder.name} holds an experiment with another spec.",
                "Resume it with its own spec (spec.json in the folder), or name another folder.",
            )

    def _take_up(self, retry: bool) -> None:
        path = self.folder / RESULTS
        runs: set[str] = set()
        if path.exists():
            keep = whole_lines(path)
            with path.open("rb+") as file:
                file.truncate(keep)
            for line in read_lines(path):
                if isinstance(line, RunDone):
                    runs.add(line.run_id)
                    if line.cell:
                        self.done.add((line.cell, line.repeat))
                elif isinstance(line, CellFailed) and (line.refused or not retry):
                    self.failed.add(line.cell)
        for left in (self.folder / RECORDINGS).glob("*.jsonl"):
            if left.stem not in runs:
                left.unlink()

    def recording(self, run_id: str) -> Path:
        return self.folder / RECORDINGS / f"{run_id}.jsonl"

    def append(self, line: AnyLine) -> None:
        """Write a record and wait until it is on the disk. Raises RecordingError, and the file then
        ends with the record before."""
        assert self._file is not None
        data = self._encoder.encode(line) + b"\n"
        good = self._file.seek(0, os.SEEK_END)
        try:
            left = data
            while left:
                left = left[self._file.write(left) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            self._file.truncate(good)
            raise _cannot_write(self.folder, error) from error
        if isinstance(line, RunDone) and line.cell:
            self.done.add((line.cell, line.repeat))
        elif isinstance(line, CellFailed):
            self.failed.add(line.cell)

    def close(self) -> None:
        """Let others write. Harmless when repeated."""
        if self._file is not None:
            self._file.close()
            self._file = None
        (self.folder / LOCK).unlink(missing_ok=True)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def read_saved_spec(folder: Path) -> Spec:
    """The spec of an experiment's folder. Raises RecordingError."""
    try:
        return msgspec.json.decode((folder / SPEC).read_bytes(), type=Spec)
    except FileNotFoundError:
        raise RecordingError(
            f"{folder.name} holds no experiment.", "Choose a folder made by draftscope bench."
        ) from None
    except (OSError, msgspec.DecodeError) as error:
        raise RecordingError(f"The spec of {folder.name} cannot be read: {error}.") from None


def read_lines(path: Path) -> list[AnyLine]:
    """The records of a results file but a torn last one. Raises RecordingError naming the line."""
    decoder = msgspec.json.Decoder(AnyLine)
    lines: list[AnyLine] = []
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], start=1):
        try:
            lines.append(decoder.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RecordingError(
                f"Line {number} of {path.name} is no record of an experiment: {error}.",
                "The file was edited or damaged; restore it, or start in another folder.",
            ) from None
    return lines


def whole_lines(path: Path) -> int:
    """How many bytes of a file are whole lines."""
    return path.read_bytes().rfind(b"\n") + 1


def _write_whole(path: Path, data: bytes) -> None:
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    part.replace(path)


def _cannot_write(folder: Path, error: OSError) -> RecordingError:
    return RecordingError(
        f"The results in {folder.name} cannot be written: {error.strerror or error}.",
        "Nothing that is finished is lost: check the free space and the rights, then go on with "
        "--resume.",
    )
