"""Existing IAM roles as a program with the components. Pure."""
