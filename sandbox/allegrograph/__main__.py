"""`python -m sandbox.allegrograph`: one server in the foreground."""

import os
import sys

from sandbox.allegrograph.command_line import serve

if __name__ == "__main__":
    status = serve(sys.argv[1:])
    sys.stdout.flush()
    # A query that cannot be interrupted must not keep the process alive.
    os._exit(status)
