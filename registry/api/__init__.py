"""The registry's REST resources: parse, authorise, call, answer."""
