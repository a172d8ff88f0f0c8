"""Outputs of Pulumi that are not known yet."""

UNKNOWN_OUTPUT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""Pulumi's placeholder for one in previews."""
