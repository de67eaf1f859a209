"""The embedded default: the whole of Firmlight on one machine, kept in one folder.

A Redis server of its own, SQLite, web, jobs and beat, started and restarted by supervisor. `System`
is the one way to it, for `make run`, the demo, the benchmarks and the end-to-end tests. Nothing
here imports Django's settings: it decides the environment that they are read from.
"""

from embedded.problem import Problem
from embedded.system import System

__all__ = ["Problem", "System"]
