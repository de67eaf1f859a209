"""Every tunable of Firmlight, read from the environment. Limits carry their unit in their name.

A missing or bad value stops the start with its name (`ImproperlyConfigured`).
`docs/reference/settings.md` lists them for operators.
"""

from firmlight.settings.accounts import *  # noqa: F403
from firmlight.settings.api import *  # noqa: F403
from firmlight.settings.essentials import *  # noqa: F403
from firmlight.settings.limits import *  # noqa: F403
from firmlight.settings.operations import *  # noqa: F403
from firmlight.settings.security import *  # noqa: F403
from firmlight.settings.serving import *  # noqa: F403
from firmlight.settings.site import *  # noqa: F403
from firmlight.settings.storage import *  # noqa: F403
