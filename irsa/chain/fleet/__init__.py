"""A whole cluster at once: its audit when not all is known, and its service accounts in rows."""
