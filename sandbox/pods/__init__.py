"""Pods without containers: what they hold, and commands that run as them. Imports nothing."""
