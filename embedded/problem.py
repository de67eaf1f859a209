"""Problems that stop the embedded system and that the person who started it can solve."""


class Problem(Exception):
    """One line for the person at the terminal: what is wrong, and what to do about it."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))
