"""Recordings: one JSON record a line, flushed each round; after a crash, a readable prefix.

Pandas (`read_json(lines=True)`) and DuckDB read the file as it is.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import msgspec

from engine.errors import ErrorInfo, RecordingError
from engine.events import SCHEMA, AnyEvent, RunFinished, RunStarted, Verified
from engine.trace import Trace

MAX_LINE_BYTES = 64 * 1024 * 1024


class Recorder:
    """Writes events to `path`. Raises RecordingError when the file cannot be made or written.

    The file is opened at the first event: a run that never starts leaves an older file alone.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._encoder = msgspec.json.Encoder()
        self._buffer = bytearray()
        self._file: BinaryIO | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not os.access(path if path.exists() else path.parent, os.W_OK) or path.is_dir():
                raise PermissionError(errno.EACCES, "no right to write")
        except OSError as error:
            raise _cannot_write(path, error) from error

    def __call__(self, event: AnyEvent) -> None:
        self._encoder.encode_into(event, self._buffer, -1)
        self._buffer += b"\n"
        if isinstance(event, Verified | RunStarted | RunFinished):
            self._flush()

    def _flush(self) -> None:
        pending, self._buffer = bytes(self._buffer), bytearray()
        try:
            if self._file is None:
                self._file = self.path.open("wb", buffering=0)
            while pending:
                pending = pending[self._file.write(pending) :]
        except OSError as error:
            raise _cannot_write(self.path, error) from error

    def close(self) -> None:
        """Write what is left and close the file; harmless when repeated."""
        if self._file is None:
            return
        try:
            if not self._file.closed:
                self._flush()
        finally:
            self._file.close()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@contextmanager
def recorder_that_may_fail(
    path: Path | None, lost: Callable[[ErrorInfo], None]
) -> Generator[Callable[[AnyEvent], None]]:
    """Record to `path` if there is one; at the first failure call `lost` and go on without.

    A full disk must not end a run that a person is watching.
    """
    recorder: Recorder | None = None

    def give_up(error: RecordingError) -> None:
        nonlocal recorder
        recorder = None
        lost(ErrorInfo.of(error))

    def record(event: AnyEvent) -> None:
        if recorder is not None:
            try:
                recorder(event)
            except RecordingError as error:
                give_up(error)

    if path is not None:
        try:
            recorder = Recorder(path)
        except RecordingError as error:
            give_up(error)
    opened = recorder
    try:
        yield record
    finally:
        if opened is not None:
            try:
                opened.close()
            except RecordingError as error:
                give_up(error)


def read_events(path: Path) -> Iterator[AnyEvent]:
    """The events of a recording, one by one.

    Raises RecordingError naming the line for anything that is not such a record: unknown types and
    fields, wrong types, over-long lines, newer schema versions. A last line without its newline
    is what a crash leaves: it is left out.
    """
    decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise RecordingError(f"There is no file {path.name}.", "Check the path.") from None
    except OSError as error:
        raise RecordingError(f"{path.name} cannot be read: {error.strerror}.") from error
    with file:
        number = 0
        while line := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(line) > MAX_LINE_BYTES:
                raise RecordingError(f"Line {number} of {path.name} is too long to be an event.")
            if not line.endswith(b"\n"):
                return
            yield _decode(decoder, line, number, path)


def _decode(
    decoder: msgspec.json.Decoder[AnyEvent], line: bytes, number: int, path: Path
) -> AnyEvent:
    # The schema comes first: a newer version may well have fields that are unknown here.
    if b'"schema"' in line[:4096]:
        _check_schema(line, number, path)
    try:
        return decoder.decode(line)
    except msgspec.DecodeError as error:
        raise RecordingError(
            f"Line {number} of {path.name} is not an event of Draftscope: {error}",
            "The file was edited or damaged, or is no recording.",
        ) from None
    except UnicodeDecodeError:
        raise RecordingError(
            f"Line {number} of {path.name} is not text.", "Open a .jsonl file of Draftscope."
        ) from None


class _Schema(msgspec.Struct):
    schema: int = SCHEMA


def _check_schema(line: bytes, number: int, path: Path) -> None:
    try:
        version = msgspec.json.decode(line, type=_Schema).schema
    except (msgspec.DecodeError, UnicodeDecodeError):
        return  # the full decoder tells what is wrong
    if version > SCHEMA:
        raise RecordingError(
            f"{path.name} was recorded by a newer Draftscope (schema {version}, line {number}; "
            f"this one reads up to {SCHEMA}).",
            "Update Draftscope to open it.",
        )
    if version < 1:
        raise RecordingError(f"Line {number} of {path.name} names no known schema ({version}).")


class TraceReader:
    """Folds the events of a recording into `trace`, one at each `next`. name: as errors say it."""

    def __init__(self, events: Iterator[AnyEvent], name: str) -> None:
        self.trace = Trace()
        self._events = events
        self._name = name

    def next(self) -> bool:
        """Take in one event; False at the end.

        Raises RecordingError naming the line, also for a recording without any event.
        """
        event = next(self._events, None)
        if event is None:
            if not self.trace.runs:
                raise RecordingError(
                    f"{self._name} holds no events.", "Open a .jsonl file of Draftscope."
                )
            return False
        try:
            self.trace.apply(event)
        except RecordingError as error:
            number = self.trace.n_events + 1
            raise RecordingError(
                f"Line {number} of {self._name}: {error.message}", error.hint
            ) from None
        return True


def read_trace(path: Path) -> Trace:
    """The whole recording, folded. Raises RecordingError, also for a file without any event."""
    reader = TraceReader(read_events(path), path.name)
    while reader.next():
        pass
    return reader.trace


def save_copy(source: Path, destination: Path) -> None:
    """Copy a recording to where the person wants it, whole or not at all."""
    temporary = destination.with_name(destination.name + ".part")
    try:
        temporary.write_bytes(source.read_bytes())
        temporary.replace(destination)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise _cannot_write(destination, error) from error


def _cannot_write(path: Path, error: OSError) -> RecordingError:
    return RecordingError(
        f"{path.name} cannot be written: {error.strerror or error}.",
        "Check the folder, its rights and the free space, or choose another place.",
    )
