"""The types of what comes in, or goes out, as JSON."""

from typing import Any

Json = dict[str, Any]
"""An object, such as one of the Kubernetes API."""
