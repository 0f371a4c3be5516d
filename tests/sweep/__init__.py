"""Kills the controller after each of its changing calls, and sees that `down` finds everything and `up` goes on.

| module | what it is |
|---|---|
| `points` | where runs are killed, in which way, and which of it is done together |
| `verbs` | runs a verb to its end, or has it killed |
| `picture` | the account as it must be again, and the federation as it must be made |
| `decoys` | what is in the account besides, and must stay as it is |
| `cycle` | what is proved at one point |
| `workers` | several sandboxes at once, the counting, the outcome |
"""
