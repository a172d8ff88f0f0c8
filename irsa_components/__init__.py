"""The components of a checkout by the name that `pip install` gives them. Imports nothing."""
