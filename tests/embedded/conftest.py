import pytest


@pytest.fixture(scope="session")
def static_root(tmp_path_factory):
    """One place for the static files of all systems of a test process: laying them out takes two seconds."""
    return str(tmp_path_factory.mktemp("static"))
