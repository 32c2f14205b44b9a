"""The method: arrays in, steps out. Knows no files and no command line."""
