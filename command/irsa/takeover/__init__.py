"""Resources of a stack that components of its program take over. Pure."""
