"""The pod identity webhook."""

from sandbox.webhook.json_patch import patch

__all__ = ["patch"]
