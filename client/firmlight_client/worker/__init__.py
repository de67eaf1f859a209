"""The worker: `brain` decides, `shell` carries out, `processes` keeps the slots alive, `slot`
computes.

The brain knows neither sockets nor processes nor clocks, so everything that can go wrong with them
is tested without them. A slot is a process of its own: a crash or a hang in somebody's kind costs
one subtask.
"""
