"""Pairs of runs, evidence, verdicts and gates."""
