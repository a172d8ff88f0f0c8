"""Builds terraform-provider-aws as a Pulumi plugin."""
