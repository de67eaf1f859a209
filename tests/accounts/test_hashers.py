"""What hashing a password costs must show in the time of the thread that does it."""

from __future__ import annotations

import time

from accounts.hashers import OneThreadArgon2


def test_the_thread_that_hashes_takes_all_of_the_processor_time() -> None:
    hasher = OneThreadArgon2()
    process, thread = time.process_time(), time.thread_time()
    for _ in range(4):
        hasher.encode("a long enough password", hasher.salt())
    thread, process = time.thread_time() - thread, time.process_time() - process
    assert thread > 0.5 * process, "no other thread took most of it"


def test_hashes_of_before_are_valid_and_renewed() -> None:
    class Before(OneThreadArgon2):
        time_cost, memory_cost, parallelism = 2, 102_400, 8

    old = Before().encode("a long enough password", "0123456789abcdef")
    hasher = OneThreadArgon2()
    assert hasher.verify("a long enough password", old)
    assert hasher.must_update(old)
    assert not hasher.must_update(hasher.encode("another", hasher.salt()))
