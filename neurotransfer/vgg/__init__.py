"""The VGG-19 network and its weights."""
