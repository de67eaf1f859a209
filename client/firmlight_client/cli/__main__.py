"""`python -m firmlight_client.cli` is `firmlight`."""

from firmlight_client.cli import main

main()
