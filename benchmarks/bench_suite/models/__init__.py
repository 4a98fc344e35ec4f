"""Models: networks and estimators."""
