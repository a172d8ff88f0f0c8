"""The callers that can assume a role. Imports nothing."""
