"""Faults that a sandbox is told to have: rules say what goes wrong, when, and how often.

| module | what it is |
|---|---|
| `rules` | what a rule may say, and what is said of one that is wrong |
| `book` | the rules in force, and how often each has struck |
| `striking` | what a rule does to a call of the API |
| `questions` | how a server on a node asks what is to go wrong with it |
| `control` | how the command line reaches a running sandbox: a socket in its directory |
"""
