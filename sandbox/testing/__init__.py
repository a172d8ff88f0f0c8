"""What a test of any project works with: a sandbox, two accounts, and Pods to act as."""
