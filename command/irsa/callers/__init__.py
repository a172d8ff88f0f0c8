"""All callers of a role, as sets with witnesses: of one document and of two. Imports nothing."""
