"""The built-in kinds, without server or worker."""

from hypothesis import settings

steady = settings(
    deadline=None, derandomize=True
)  # the same examples every time, on a busy machine too
