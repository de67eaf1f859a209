"""Where style sheets and scripts lie."""

from whitenoise.storage import CompressedManifestStaticFilesStorage

IMPORT = r"""(?P<matched>from "(?P<url>\.{1,2}/[^"]+)")"""


class HashedStaticFiles(CompressedManifestStaticFilesStorage):
    """Names carry a hash, and our modules import each other by those names.

    Without that a browser would load a module twice, under two names. Django's own
    `support_js_module_import_aggregation` stumbles over the comments in other packages' scripts.
    """

    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        ("firmlight/*.js", ((IMPORT, 'from "%(url)s"'),)),
    )
