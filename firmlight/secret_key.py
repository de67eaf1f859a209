"""Whether a SECRET_KEY is safe: it signs tokens, cookies and the links in e-mails."""

LENGTH_MIN = 32
PLACEHOLDERS = ("changeme", "djangoinsecure", "placeholder", "replaceme", "yoursecretkey")


def fault(key: str, *, debug: bool) -> str:
    """What is wrong with the key, or "". With DEBUG, on one's own machine, any long key will do."""
    if len(key) < LENGTH_MIN:
        return f"must have at least {LENGTH_MIN} characters"
    letters = "".join(c for c in key.lower() if c.isalpha())
    if not debug and any(word in letters for word in PLACEHOLDERS):
        return "is a well-known placeholder: choose a random key"
    return ""
