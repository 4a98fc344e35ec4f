"""Fairness: what its probe stands on: rates by group and class, intervals between groups, identity terms in texts."""
