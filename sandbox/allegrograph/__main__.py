"""`python -m sandbox.allegrograph`: one server in the foreground."""

import sys

from sandbox.allegrograph.command_line import serve

if __name__ == "__main__":
    sys.exit(serve(sys.argv[1:]))
