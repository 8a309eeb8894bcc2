"""Sentences whose numbers come from the run."""

from IPython.display import Markdown, display


def say(markdown: str) -> None:
    """Show Markdown written by a cell, so that no figure in the prose can go stale.

    Args:
        markdown: usually an f-string, e.g. ``f"The error fell to {error:.1e}."``
    """
    display(Markdown(markdown))
