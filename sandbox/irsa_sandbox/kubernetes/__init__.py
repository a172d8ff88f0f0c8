"""The control plane, and the parts of a node that are played. Imports nothing."""
