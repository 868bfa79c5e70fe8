"""openai/evals: its registry and samples. Eval classes are known by name, never imported."""
