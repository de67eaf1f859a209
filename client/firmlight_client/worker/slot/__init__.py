"""Slots: the child processes that compute."""
