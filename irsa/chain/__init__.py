"""The links from a Pod to its data, the remedies, and who can become a role."""
