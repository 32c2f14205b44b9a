"""Files that hold VGG-19 weights, one module a format."""
