"""Frames into a video or animation: ffmpeg as a child process that reads them from a pipe."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO

from PySide6.QtGui import QImage

from app.render import ffmpeg
from app.render.clip import Format
from app.render.errors import RenderError
from app.render.output import disk_full

PIPE_BYTES = 1 << 20
"""Room in the pipe where the system lets one ask (Linux): fewer switches between the processes."""
_SLICE = 0.05
_GRACE = 5.0
"""Seconds that a process which takes no more frames has to end by itself and say why."""
_FULL = ("No space left on device", "Disk quota exceeded", "File too large", "not enough space")


class Encoder:
    """Writes one clip to `path`, which is whole after `finish` and to be thrown away before.

    kind, size (pixels), fps: of the clip. samples: a few of its frames; a GIF takes its 256 colours
    from them, because to keep all frames until the last is known would take gigabytes. target: the
    name that errors give. Raises RenderError; leaves no process behind.
    """

    def __init__(
        self,
        path: Path,
        kind: Format,
        size: tuple[int, int],
        fps: float,
        samples: Iterable[QImage] = (),
        target: Path | None = None,
    ) -> None:
        binary, name = ffmpeg.executable(), target or path
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        palette = None
        if kind.suffix == ".gif":
            self._folder = tempfile.TemporaryDirectory(prefix="draftscope-")
            palette = Path(self._folder.name) / "palette.png"
        try:
            if palette is not None:
                with _Ffmpeg([binary, *ffmpeg.palette_command(size, palette)], size, name) as first:
                    for image in samples:
                        first.write(image)
                    first.finish()
            command = ffmpeg.command(kind, size, fps, path, palette)
            self._process = _Ffmpeg([binary, *command], size, name)
        except BaseException:
            self._clean_up()
            raise

    def write(self, image: QImage) -> None:
        """Hand over a frame (Format_RGB32, of the clip's size), without a copy."""
        self._process.write(image)

    def finish(self, cancelled: Callable[[], bool] = lambda: False) -> None:
        """Wait until the file is written to its end; `cancelled` ends that early."""
        self._process.finish(cancelled)

    def close(self) -> None:
        """End the process, whatever it is doing; harmless when repeated."""
        self._process.close()
        self._clean_up()

    def _clean_up(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()

    def __enter__(self) -> Encoder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Ffmpeg:
    """One run of ffmpeg over frames of `size`. target: what errors say cannot be written."""

    def __init__(self, command: list[str], size: tuple[int, int], target: Path) -> None:
        self._target = target
        self._size = size
        self._said = ""
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                bufsize=0,
                # A group of its own: Ctrl+C is for us, who cancel, and so end it.
                process_group=0 if sys.platform != "win32" else None,
                creationflags=_no_console(),
            )
        except OSError as error:
            raise ffmpeg.no_encoder() from error
        assert self._process.stdin is not None
        assert self._process.stderr is not None
        self._pipe = self._process.stdin
        _widen(self._pipe)
        # A full stderr would stall it, so that is emptied all the time.
        self._reader = threading.Thread(
            target=self._listen, args=(self._process.stderr,), name="encoder", daemon=True
        )
        self._reader.start()

    def _listen(self, stream: IO[bytes]) -> None:
        with stream:
            self._said = stream.read().decode("utf-8", "replace")

    def write(self, image: QImage) -> None:
        if (image.width(), image.height()) != self._size or image.depth() != 32:
            raise ValueError(f"a frame of {image.width()}x{image.height()}, {image.format()}")
        rest = memoryview(image.constBits()).cast("B")
        try:
            while rest:
                rest = rest[self._pipe.write(rest) :]
        except OSError:  # it takes no more: EPIPE, on Windows EINVAL
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE)
            self.close()
            raise self._failure() from None

    def finish(self, cancelled: Callable[[], bool] = lambda: False) -> None:
        self._close_pipe()
        while self._process.poll() is None and not cancelled():
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_SLICE)
        ended_itself = self._process.poll() is not None
        self.close()
        if ended_itself and self._process.returncode:
            raise self._failure()

    def close(self) -> None:
        self._close_pipe()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join()

    def _close_pipe(self) -> None:
        with suppress(OSError):
            self._pipe.close()

    def __enter__(self) -> _Ffmpeg:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _failure(self) -> RenderError:
        if any(words in self._said for words in _FULL):
            return disk_full(self._target)
        lines = [line.strip() for line in self._said.splitlines() if line.strip()]
        return RenderError(
            f"The video encoder ended before {self._target.name} was whole.",
            f"It said: {lines[0]}" if lines else f"Its exit code is {self._process.returncode}.",
        )


def _no_console() -> int:
    if sys.platform == "win32":
        return subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    return 0


def _widen(pipe: IO[bytes]) -> None:
    if sys.platform == "linux":
        import fcntl

        with suppress(OSError):  # a person's pipes may be limited
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
