"""The command line. Click is imported here and nowhere else."""
