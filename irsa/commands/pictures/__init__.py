"""Chains and stacks as trees, pictures and flowcharts. Imports nothing."""
