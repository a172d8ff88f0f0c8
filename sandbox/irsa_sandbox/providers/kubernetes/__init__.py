"""The `kubernetes` provider. Imports nothing."""
