"""How passwords are hashed."""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher


class OneThreadArgon2(Argon2PasswordHasher):
    """argon2id in the calling thread, with what OWASP recommends (19 MiB, two rounds).

    Django's own choice takes eight threads, 100 MiB and eight times as much of the processor for
    each guess at a password. Nobody can charge that to whoever guesses, because the processor time
    of a thread does not contain that of those which a library starts.
    """

    time_cost, memory_cost, parallelism = 2, 19 * 1024, 1
