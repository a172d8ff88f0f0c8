"""The chain from a service account to its data: facts, links and remedies. Imports nothing."""
