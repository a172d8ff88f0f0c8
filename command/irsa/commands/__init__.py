"""The commands: one module for each, and their output."""
