"""Decisions of IAM and STS from documents alone, in three values. Pure."""
