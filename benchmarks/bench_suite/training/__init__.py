"""Training: what engines share, such as options, precision and clocks."""
