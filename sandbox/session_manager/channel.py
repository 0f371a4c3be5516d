"""What gateway and agent say to each other over the agent's WebSocket.

Control messages are JSON texts with a `kind`. Frames of a session's data channel are binary messages with the session's
id in front; the gateway passes them on unread, so that a session outlives a cut on either side.

| kind      | from    | content                                                                            |
|-----------|---------|------------------------------------------------------------------------------------|
| hello     | agent   | who it is, its credentials' key, the sessions and commands that it has             |
| welcome   | gateway | `ping`: seconds between two signs of life                                          |
| refused   | gateway | `reason`                                                                           |
| ping      | both    |                                                                                    |
| attach    | gateway | `session`, `resumed`, `request`: a client is there                                 |
| detach    | gateway | `session`: the client's connection is gone                                         |
| terminate | gateway | `session`                                                                          |
| closed    | agent   | `session`, `output`: the shell has ended and all of its output has arrived         |
| command   | gateway | `command`: what to run                                                             |
| cancel    | gateway | `command_id`                                                                       |
| result    | agent   | `command_id` and how it went; repeated on each connection until it is received     |
| received  | gateway | `command_id`                                                                       |
"""

from __future__ import annotations

import json
from typing import Any, Final

AGENT_PATH: Final = "/v1/agent"
DATA_CHANNEL_PATH: Final = "/v1/data-channel/"


def control(kind: str, **content: Any) -> str:
    """A control message."""
    return json.dumps({"kind": kind, **content})


def pack(session_id: str, frame: bytes) -> bytes:
    """A frame on its way through the agent's connection."""
    return session_id.encode("ascii") + b"\0" + frame


def unpack(message: bytes) -> tuple[str, bytes]:
    """The session's id and the frame."""
    session_id, _, frame = message.partition(b"\0")
    return session_id.decode("ascii", "replace"), frame
