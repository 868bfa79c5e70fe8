"""Pages about the installation: who may do what, who is told, and which gates hold."""
