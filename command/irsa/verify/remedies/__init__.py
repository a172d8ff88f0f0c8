"""Remedies of links: commands, and documents that allow one caller. Imports nothing."""
