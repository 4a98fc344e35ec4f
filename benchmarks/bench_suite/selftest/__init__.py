"""The self-test: every instrument on tasks whose answers are known, and whether it finds them here."""
