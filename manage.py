#!/usr/bin/env python
"""Django's command line for Firmlight's server."""

import os
import sys

from django.core.management import execute_from_command_line

from core import file_modes

if __name__ == "__main__":
    file_modes.keep_private()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "firmlight.settings")
    execute_from_command_line(sys.argv)
