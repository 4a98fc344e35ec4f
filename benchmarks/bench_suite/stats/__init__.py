"""Intervals, paired differences and power: arrays in, numbers out."""
