"""Run a kind in this process, without a server, with everything packed as if it travelled."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from firmlight_client.kinds import Kind, whole_partial


def run_here(
    kind: Kind, params: Any, on_progress: Callable[[int], None] = lambda done: None
) -> Any:
    """The result for params that `kind.load` or `load_file` made.

    `on_progress` is called with the number of subtasks that are done.
    """
    result = kind.finish(whole_partial(kind, params, on_progress), params)
    return json.loads(json.dumps(result, allow_nan=False))
