"""Plans of model servers: what is asked for, what of it a pin decides, and how the answer looks."""
