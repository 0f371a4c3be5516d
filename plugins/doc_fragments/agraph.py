"""What the pages of modules that ask a server of AllegroGraph have in common."""

from __future__ import annotations


class ModuleDocFragment:
    """The fragment: where the server is; in `SECRETS`, where its superuser's password is."""

    DOCUMENTATION = r"""
options:
  host:
    description: Where AllegroGraph listens, seen from the host on which the module runs.
    type: str
    default: 127.0.0.1
  port:
    description: AllegroGraph's HTTP port.
    type: int
    default: 10035
"""

    SECRETS = r"""
options:
  secrets:
    description: Where the superuser's password is, for a node that is an EC2 instance whose role may read it.
    type: dict
    suboptions:
      service:
        description: The URL of Systems Manager.
        type: str
        required: true
      region:
        description: The region whose Parameter Store it is.
        type: str
        required: true
      superuser:
        description: The name of the parameter with the password.
        type: str
        required: true
"""
