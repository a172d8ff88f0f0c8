"""Roles that others have made, in the words of account A's configuration. Pure."""
