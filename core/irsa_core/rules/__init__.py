"""Rules for one trust policy, one condition, one issuer, and the table of all rules. Pure."""
