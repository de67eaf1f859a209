"""Who the client speaks for: log-ins, tokens and where they are kept."""
