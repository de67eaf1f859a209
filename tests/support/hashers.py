from django.contrib.auth.hashers import Argon2PasswordHasher


class CheapArgon2(Argon2PasswordHasher):
    """The real algorithm with the least work it allows: a test makes many users and guards no
    secret.
    """

    time_cost, memory_cost, parallelism = 1, 8, 1
