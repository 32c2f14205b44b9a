"""What every room needs of the machine: errors, files, signals, memory, processor, TensorFlow."""
