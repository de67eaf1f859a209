"""`python -m firmlight_client` is `firmlight`."""

from firmlight_client.cli import main

main()
