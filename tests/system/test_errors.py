"""Errors are sentences of a few hundred letters."""

from neurotransfer.system.errors import NeurotransferError


def test_messages_have_a_few_hundred_letters():
    """Their beginning and their end stay: what happened, and what to do."""
    short = "The file a is damaged; copy it again."
    assert str(NeurotransferError(short)) == short
    long = str(NeurotransferError(f"The file {'a' * 10**7} is damaged; copy it again."))
    assert len(long) == 700
    assert long.startswith("The file aaa")
    assert long.endswith("aaa is damaged; copy it again.")
    assert " ... " in long
    changed = NeurotransferError(short)
    changed.args = ("b" * 10**6,)
    assert len(str(changed)) == 700
