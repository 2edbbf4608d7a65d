"""What can go wrong while a clip is rendered."""

from __future__ import annotations

from engine.errors import DraftscopeError


class RenderError(DraftscopeError):
    """A picture or clip cannot be rendered, encoded or written."""
