"""Serving on loopback: certificates, sockets, and who may connect to them. Imports nothing."""
