"""What up, query and down take, beside the classic tutorial and beside what AWS's own delays make unavoidable.

| module | what it is |
|---|---|
| `pieces` | what is run: the tutorial, the verbs, with how many members and how often |
| `limit` | the longest chain of AWS's delays that the dependencies force |
| `life` | one sandbox, in it the tutorial or the verbs from up to down, and what was measured of each |
| `meter` | runs a command, and notes its processor time, memory and lines with the time of each; a program of its own |
| `observer` | asks the sandbox, while a verb runs, which state things are in |
| `calls` | what the sandbox's journal says of a verb |
| `tasks` | what Ansible says of a verb's tasks; `callback` is what says it |
| `record` | what is kept of a life, as JSON |
| `report` | the table, what it costs in time, and whether it is as it should be |
| `timeline` | the plots |
| `triples` | how fast the stand-in for AllegroGraph loads and answers, and what it keeps; a program of its own |
"""

import os
from pathlib import Path

# Matplotlib would keep its notes in the user's home; it looks here when it is first imported.
os.environ.setdefault("MPLCONFIGDIR", str(Path(__file__).resolve().parents[2] / ".cache/matplotlib"))
