"""What a system that is tested runs with: the product's settings, but passwords cheap to keep.

A test registers three people, and argon2 as shipped takes a quarter of a second of processor time
for each. The systems of tests/embedded run with the settings as they are.
"""

from firmlight.settings import *  # noqa: F403

PASSWORD_HASHERS = ["tests.support.hashers.CheapArgon2"]
