"""Pulumi components for IRSA. Imports nothing, so that the pure modules load in milliseconds."""
