"""A TOML file to a validated suite, and a suite to a plan."""
