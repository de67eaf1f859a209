"""A kind run in this process, without any server: split, run, combine, finish, with everything
packed as on its way.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from firmlight_client.kinds import Kind, whole_partial


def run_here(kind: Kind, params: Any, told: Callable[[int], None] = lambda done: None) -> Any:
    """The result for params that `kind.load` or `load_file` made. `told` hears how many subtasks
    are done.
    """
    result = kind.finish(whole_partial(kind, params, told), params)
    return json.loads(json.dumps(result, allow_nan=False))
