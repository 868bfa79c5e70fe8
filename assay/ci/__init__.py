"""`assay ci`: what a change of a prompt repository does, told to people and to CI systems."""
