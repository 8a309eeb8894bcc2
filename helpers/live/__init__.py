"""Live figures: the page's own torch functions run in the reader's browser."""

from collections.abc import Callable


def live(**knobs_given) -> Callable:
    """Let a function that draws one matplotlib figure from tensors run on the page itself.

    The function is called with tensors: its knobs as 0-d tensors, its other arguments as their
    defaults. It is traced while the book is built, and the page's JavaScript repeats it whenever
    the reader moves something. An argument whose own values are the coordinates of drawn points can
    be dragged, one that is an image can be painted. A 0-d tensor in an f-string is a text that
    follows. A dict that the function returns holds the next values of arguments: a Train button
    carries them from frame to frame. The docstring is the caption and alternative text.

    Args:
        **knobs_given: a `helpers.knob` of numbers, or its values alone: ``(low, high)`` for a
            slider without steps, ``(low, high, step)`` or a list for one with them.

    Returns:
        A decorator that shows the figure and returns the function, with its `LiveFigure` as
        attribute ``live``.

    Raises:
        TypeError: a knob that is no argument of the function, or none of numbers; an argument
            without knob and default; a call of matplotlib with tensors that a page cannot draw.
        LiveError: a value would be frozen on the page (it left torch, it was chosen by an ``if``,
            it is random), an operation is unknown there, an axis has no limits, nothing drawn
            depends on an argument. The message has the author's line, and what to write instead.
    """

    def decorate(draw: Callable) -> Callable:
        from helpers.live.figure import LiveFigure  # the tracer is imported where it is used

        draw.live = LiveFigure(draw, knobs_given)
        draw.live.show()
        return draw

    return decorate
