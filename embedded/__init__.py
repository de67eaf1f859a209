"""The embedded system: all of Firmlight on one machine, with its data in one folder.

It is a Redis server of its own, SQLite, web, jobs and beat; supervisor starts and restarts them.
`make run`, the demo, the benchmarks and the end-to-end tests all use it through `System`. Nothing
here imports Django's settings, since it sets the environment that they are read from.
"""

from embedded.problem import Problem
from embedded.system import System

__all__ = ["Problem", "System"]
