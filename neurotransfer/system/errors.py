"""The errors a user can meet. Each carries its exit code; the command line prints the message and nothing else.

A message says what happened, what was expected, what was found, and what to do.
"""

_MAX_LETTERS = 700
_ENDING = 250
"""Of a message: what happened stands at its beginning, what to do at its end."""


class NeurotransferError(Exception):
    """Something failed while working: exit code 1. Of an overlong message, the middle is left out."""

    exit_code = 1

    def __str__(self) -> str:
        """Return the message, no longer than a few hundred letters: file names and claims may be of any length."""
        message = super().__str__()
        if len(message) <= _MAX_LETTERS:
            return message
        return f"{message[: _MAX_LETTERS - _ENDING - 5]} ... {message[-_ENDING:]}"


class InputError(NeurotransferError):
    """A file, folder or setting that cannot be used as given, found before any work: exit code 2."""

    exit_code = 2


def reason_of(error: Exception) -> str:
    """Return another library's message as the short end of a sentence; it may be empty, or have many lines."""
    return (str(error).splitlines() or [""])[0].rstrip(".")[:200] or type(error).__name__


class NotFiniteError(NeurotransferError):
    """A loss became NaN or infinite; the last good picture is kept."""


class RunInterruptedError(NeurotransferError):
    """The user (or the system) asked the run to stop; exit code 128 + signal number, as shells have it."""

    def __init__(self, signal_number: int, message: str) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal_number
