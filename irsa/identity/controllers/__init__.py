"""Permissions policies of usual controllers, each narrowed to what it works on. Pure."""
