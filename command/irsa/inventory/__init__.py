"""The service accounts of a whole cluster: its audit and its list. Imports nothing."""
