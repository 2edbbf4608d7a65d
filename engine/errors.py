"""Errors that a person can act on: one clear sentence, and a hint that says what to do next."""

from __future__ import annotations

import traceback

import msgspec


class ErrorInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An error as plain data, so that it can cross threads and be recorded."""

    type: str
    message: str
    hint: str = ""
    traceback: str = ""

    @classmethod
    def of(cls, error: BaseException) -> ErrorInfo:
        """Describe any exception; only a `DraftscopeError` carries a hint of its own."""
        text = "".join(traceback.format_exception(error))
        if isinstance(error, DraftscopeError):
            return cls(type(error).__name__, error.message, error.hint, text)
        if isinstance(error, MemoryError):
            return cls("MemoryError", "Out of memory.", "Choose a smaller model or context.", text)
        return cls(
            type(error).__name__,
            str(error) or type(error).__name__,
            "This is a fault in Draftscope: the details can be copied into a report.",
            text,
        )


class DraftscopeError(Exception):
    """Base of every expected error."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(DraftscopeError):
    """A setting is out of range, or names something unknown."""


class ModelError(DraftscopeError):
    """A model cannot be found, read, loaded or run."""


class VocabularyError(DraftscopeError):
    """The draft does not share the target's vocabulary."""


class PromptError(DraftscopeError):
    """The prompt is empty, or longer than the context."""


class RecordingError(DraftscopeError):
    """A recording cannot be read or written."""


class Cancelled(DraftscopeError):
    """The person asked to stop; not a failure."""
