"""Pods without containers: their volumes and variables, and commands in them. Imports nothing."""
