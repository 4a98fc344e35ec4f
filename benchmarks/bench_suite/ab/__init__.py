"""Is one revision slower than another? Two worktrees, measured in interleaved blocks of fresh processes."""
