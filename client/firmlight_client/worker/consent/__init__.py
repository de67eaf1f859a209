"""What this machine's owner agreed to: `worker.toml`."""
