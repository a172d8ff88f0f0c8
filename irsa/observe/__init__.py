"""Facts: what is read from Kubernetes, AWS, files and Pulumi's state."""
