"""A run while it goes on: its progress, and the server that shows its page to this machine."""
