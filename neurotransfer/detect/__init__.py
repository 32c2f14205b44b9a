"""Detect: faces and people in photos, by small networks that ship with the package."""
