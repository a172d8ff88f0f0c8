"""Who may assume which role, and if not, why not. Imports nothing: modules load on their own."""
