"""What a prompt repository means, in plain Python: no Django, clock, network or environment."""
