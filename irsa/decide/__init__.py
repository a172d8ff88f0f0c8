"""What IAM and STS decide, from documents alone, in three values. Pure."""
