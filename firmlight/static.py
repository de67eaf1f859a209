"""Where style sheets and scripts lie."""

from collections.abc import Iterator
from typing import Any

from whitenoise.storage import CompressedManifestStaticFilesStorage

from core import file_modes

IMPORT = r"""(?P<matched>from "(?P<url>\.{1,2}/[^"]+)")"""


class HashedStaticFiles(CompressedManifestStaticFilesStorage):
    """Names carry a hash, and our modules import each other by those names.

    Without that a browser would load a module twice, under two names. Django's own
    `support_js_module_import_aggregation` stumbles over the comments in other packages' scripts.
    """

    # For everybody, unlike what the server writes otherwise.
    file_permissions_mode, directory_permissions_mode = 0o644, 0o755
    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        ("firmlight/*.js", ((IMPORT, 'from "%(url)s"'),)),
    )

    def post_process(self, *args: Any, **options: Any) -> Iterator[Any]:
        with file_modes.published():  # the compressed copies
            yield from super().post_process(*args, **options)
