"""Who can become a role. Imports nothing."""
