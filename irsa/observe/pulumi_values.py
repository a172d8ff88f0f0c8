"""Values in the JSON that Pulumi writes: secrets, and outputs that are not known yet. Pure."""

import json
from typing import cast

from irsa.decide.patterns import UNKNOWN_OUTPUT
from irsa.observe.shapes import mapping

HIDDEN = "(a secret)"
"""Replaces a secret's value, unless the state was exported with ``--show-secrets``."""

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - how Pulumi marks a secret
"""https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/sig/sig.go"""
_BLINDED = "[secret]"
"""Replaces a secret in `pulumi preview --json`."""


def revealed(value: object) -> object:
    """Return the plain value of a secret, or `HIDDEN`; any other value as it is."""
    fields = mapping(value)
    if fields.get(_SIGNATURE) != _SECRET:
        return HIDDEN if value == _BLINDED else value
    try:
        return cast("object", json.loads(fields["plaintext"]))
    except (KeyError, TypeError, ValueError):
        return HIDDEN


def known(value: object) -> str:
    """Return a string that is known and readable; empty for any other value."""
    found = revealed(value)
    if not isinstance(found, str) or found == HIDDEN or UNKNOWN_OUTPUT in found:
        return ""
    return found
