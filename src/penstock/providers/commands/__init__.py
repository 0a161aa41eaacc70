"""The built-in Commands action."""
