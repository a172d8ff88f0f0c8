"""The stacks' configuration, read once and checked before anything is registered. Empty."""
