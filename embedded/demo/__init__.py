"""The demo: three people, two computers, four tasks and one killed worker, in under a minute."""

from embedded.demo.story import show

__all__ = ["show"]
