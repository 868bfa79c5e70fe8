"""The servers Assay starts for itself when none is configured."""
