"""From paths to a folder of files: a job is prepared, run, recorded, resumed."""
