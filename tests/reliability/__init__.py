"""What goes wrong, what the user reads then, and what is left: each case is tried on the real playbooks.

| module | what it is |
|---|---|
| `cases` | the faults, and what must be said of each |
| `proof` | one case, tried in a sandbox: the sentence, and what is left |
| `page` | the table in docs/reliability.md, which is what was tried and nothing else |
"""
