"""Suites of other tools, turned into Assay's files without running anything of theirs."""
