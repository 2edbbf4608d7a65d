"""The door to the llama.cpp library: its log, its devices, and a flag that stops a running pass.

Importing this module loads the shared library; only modules of `engine.backends` that run llama.cpp
models do so, and the registry imports those when a model is asked for.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import cast

import llama_cpp
from llama_cpp import llama_cpp as C

from engine.host import Build

LIBRARY = f"llama-cpp-python {llama_cpp.__version__}"

_ERROR, _CONTINUED = 4, 5  # enum ggml_log_level
_GPU, _INTEGRATED_GPU = 1, 2  # enum ggml_backend_dev_type

_tail: deque[str] = deque(maxlen=32)
_last_level = 0
_heard: list[str] | None = None  # every line, while somebody listens


def _keep_line(level: int, text: bytes | None, _data: object) -> None:
    global _last_level
    _last_level = _last_level if level == _CONTINUED else level
    line = (text or b"").decode("utf-8", "replace").strip()
    if _heard is not None:
        _heard.append(line)
    if _last_level >= _ERROR and line:
        _tail.append(line)


os.environ.setdefault("GGML_NO_BACKTRACE", "1")  # or a failed assertion starts a debugger
_log_callback = C.llama_log_callback(_keep_line)  # ggml calls it until the process ends
C.llama_log_set(_log_callback, ctypes.c_void_p(None))
C.llama_backend_init()


def forget_log() -> None:
    """Drop kept log lines, before an operation whose failure is to be explained."""
    _tail.clear()


def log_lines() -> list[str]:
    """The last errors that llama.cpp logged, oldest first."""
    return list(_tail)


@contextmanager
def all_lines() -> Generator[list[str]]:
    """Everything that llama.cpp logs meanwhile, on any thread: some figures are told there only."""
    global _heard
    _heard = heard = []
    try:
        yield heard
    finally:
        _heard = None


class AbortFlag:
    """A flag that llama.cpp reads between the nodes of a graph. Any thread may set it.

    The callback is the C library's own `strlen`, its data two bytes of ours: b"\\0" has the length
    0 (go on), b"\\1" the length 1 (abort). The hot loop never enters Python or waits for its lock.
    """

    def __init__(self) -> None:
        self._bytes = ctypes.create_string_buffer(2)

    def set(self, on: bool) -> None:
        self._bytes[0] = b"\1" if on else b"\0"

    def __bool__(self) -> bool:
        return self._bytes[0] != b"\0"

    def attach(self, params: C.llama_context_params) -> None:
        """Let contexts made with `params` obey this flag, which must outlive them."""
        strlen = ctypes.CDLL("msvcrt" if sys.platform == "win32" else None).strlen
        params.abort_callback = ctypes.cast(strlen, C.ggml_abort_callback)
        params.abort_callback_data = ctypes.cast(self._bytes, ctypes.c_void_p)


@cache
def build() -> Build:
    """What this build of llama.cpp can use. The first call may start a GPU driver."""
    return Build(
        version=LIBRARY,
        offload=C.llama_supports_gpu_offload(),
        devices=_gpu_names(),
    )


def _gpu_names() -> tuple[str, ...]:
    """Descriptions of the GPUs that llama.cpp puts layers on: integrated ones only without others.

    llama-cpp-python has no bindings for ggml's device list.
    """
    folder = C._base_path  # pyright: ignore[reportPrivateUsage]
    registry, base = _ggml(folder, "ggml"), _ggml(folder, "ggml-base")
    if registry is None or base is None:
        return ()
    registry.ggml_backend_dev_count.restype = ctypes.c_size_t
    registry.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    registry.ggml_backend_dev_get.restype = ctypes.c_void_p
    base.ggml_backend_dev_type.argtypes = [ctypes.c_void_p]
    base.ggml_backend_dev_description.argtypes = [ctypes.c_void_p]
    base.ggml_backend_dev_description.restype = ctypes.c_char_p

    names: dict[int, list[str]] = {_GPU: [], _INTEGRATED_GPU: []}
    for i in range(cast(int, registry.ggml_backend_dev_count())):
        device = registry.ggml_backend_dev_get(i)
        kind = cast(int, base.ggml_backend_dev_type(device))
        if kind in names:
            text = cast(bytes, base.ggml_backend_dev_description(device))
            names[kind].append(text.decode("utf-8", "replace"))
    return tuple(names[_GPU] or names[_INTEGRATED_GPU])


def _ggml(folder: Path, name: str) -> ctypes.CDLL | None:
    """One of ggml's shared libraries, which libllama has loaded already."""
    for pattern in (f"lib{name}.so", f"lib{name}.dylib", f"{name}.dll", f"lib{name}.dll"):
        if (folder / pattern).exists():
            return ctypes.CDLL(str(folder / pattern))
    return None
