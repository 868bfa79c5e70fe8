"""promptfoo configurations: read, merged, expanded and mapped; never executed."""
