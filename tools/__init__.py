"""Scripts about the repository. Imports nothing."""
