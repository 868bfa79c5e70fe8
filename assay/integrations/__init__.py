"""Assay inside other programs. Each module needs the program it is for, and nothing else."""
