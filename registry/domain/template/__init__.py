"""Templates: the only place in Assay that compiles Jinja2. A template from Git is hostile input."""
