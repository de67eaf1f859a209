"""Child processes, with limits of time and memory, for code of kinds that sees input or partials.

`calls` is what services use. A child imports only `child`, `operations`, `splitting` and `wire`, so
these and this file know neither Django nor Redis (`make check` holds them to it).
"""
