"""Objects behind the pytest fixtures: a sandbox, two accounts, and Pods."""
