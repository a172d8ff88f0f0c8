"""The `eks` component provider: `pulumi_eks.Cluster` as children of the `aws` provider."""
