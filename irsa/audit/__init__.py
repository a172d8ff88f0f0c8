"""What an audit finds in trust policies, providers and service accounts. Imports nothing."""
