"""What is written into the documents from the code. Imports nothing."""
