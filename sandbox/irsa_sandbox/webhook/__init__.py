"""The pod identity webhook."""

from .json_patch import patch

__all__ = ["patch"]
