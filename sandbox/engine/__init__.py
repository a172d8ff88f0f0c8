"""The Pulumi engine: projects, stacks, and what a killed run leaves. Imports nothing."""
