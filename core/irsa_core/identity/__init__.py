"""The ground: tokens, and AWS's own words of an error. Pure."""
