from tests.tasks.conftest import jobs_sent, laptop, lease, split, submit, work  # noqa: F401  fixtures of these pages, too
