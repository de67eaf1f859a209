"""The worker: `brain` decides, `shell` carries it out, slots compute.

The brain knows no sockets, processes or clocks, so everything that can go wrong with them is tested
without them. Each slot is a process of its own: when a kind crashes or hangs, that costs one
subtask.
"""
