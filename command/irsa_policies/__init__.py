"""The audit's rules as a Pulumi policy pack (docs/fleet.md)."""
