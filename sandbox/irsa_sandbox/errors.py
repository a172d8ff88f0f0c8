"""Errors that the user can act on."""


class SandboxError(Exception):
    """Something that the user can act on, in one line."""
