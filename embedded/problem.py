"""What stops the embedded system and can be put right by whoever started it."""


class Problem(Exception):
    """One clear line for the person at the terminal: what is wrong and what to do about it."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))
