"""A report as one HTML page: opens from disk, without a network, and is readable without JavaScript."""
