"""Serving on loopback: certificates, sockets, and who may speak to them. Imports nothing."""
