"""What goes wrong with hosts, each as one sentence for a person."""

from __future__ import annotations


class Unavailable(Exception):  # noqa: N818 - it is a state of this machine, not a mistake of the caller
    """This machine cannot host namespaces; the message says what is missing and what to do."""


class HostsError(Exception):
    """The world process refused or failed a request."""
