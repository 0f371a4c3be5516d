"""Systems Manager's part: agents, sessions with their data channel, and Run Command."""
