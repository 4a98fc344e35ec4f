"""Gates of a ratio to a reference model: its evidence in one run and between two, and what they could find."""
