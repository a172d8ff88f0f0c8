"""Running the Pulumi engine: projects, stacks, and its errors as one line. Imports nothing."""
