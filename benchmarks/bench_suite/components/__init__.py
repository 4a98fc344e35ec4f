"""Components: find them by name, read their options without importing them, load them on use."""
