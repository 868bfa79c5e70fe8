"""The evaluation's REST resources: parse, authorise, call, answer."""
