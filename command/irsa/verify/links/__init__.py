"""The links of the chain, each by the stretch of the way that it checks. Imports nothing."""
