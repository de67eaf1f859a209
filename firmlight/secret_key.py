"""Whether a SECRET_KEY may be used: everything that is signed (tokens, cookies, links of letters)
rests on it.
"""

LENGTH_MIN = 32
PLACEHOLDERS = ("changeme", "djangoinsecure", "placeholder", "replaceme", "yoursecretkey")


def fault(key: str, *, debug: bool) -> str:
    """What is wrong with it, "" if nothing. With DEBUG, on one's own machine, only the length
    counts.
    """
    if len(key) < LENGTH_MIN:
        return f"must have at least {LENGTH_MIN} characters"
    letters = "".join(c for c in key.lower() if c.isalpha())
    if not debug and any(word in letters for word in PLACEHOLDERS):
        return "is a placeholder that everybody knows: choose a random one"
    return ""
