"""The `aws` provider. Imports nothing."""
