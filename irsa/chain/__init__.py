"""Roles of other programs as configuration."""
