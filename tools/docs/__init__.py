"""The generator of the documents' parts that come from the code. Imports nothing."""
