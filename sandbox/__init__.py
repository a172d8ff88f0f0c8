"""A local AWS and Kubernetes in which the real Pulumi engine runs. Imports nothing."""
