"""What can keep the local stack from running, as one sentence for the person who started it."""

from shared.errors import DarkroomError


class StackError(DarkroomError):
    """The local stack can't do what was asked; the message says why and what helps."""
