"""Running the Pulumi engine: projects, stacks, and what a killed run left. Imports nothing."""
