"""What the tests of the command share."""

QUICK = ("--size", "48", "--steps", "4", "--snapshot-every", "2")


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
