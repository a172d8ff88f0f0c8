"""Audit of trust policies, providers and service accounts. Imports nothing."""
