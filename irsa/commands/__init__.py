"""What people type: one module a command, and how it prints."""
