"""Facts from Kubernetes, AWS, files and Pulumi's state."""
