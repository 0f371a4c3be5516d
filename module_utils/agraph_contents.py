"""What a server of AllegroGraph is to hold, and what it takes until it does: the common part of the agraph_* modules.

They run on the nodes: Python 3.9 and its standard library.
"""

from __future__ import annotations

from collections.abc import Mapping

from ansible.module_utils.agraph_client import AgraphError, RefusedError, Repository

# One to add, one to remove what others added meanwhile, one to see that it is so; and some for others who are late.
ROUNDS = 6


def silence(label: str, url: str, timeout: float, last: str, remedy: str) -> str:
    """Say who did not answer, where, for how long, why, and what to do."""
    why = last.partition(" did not answer: ")[2] or last
    return f"{label} did not answer {url}/version within {timeout} s: {why} {remedy}"


def state_of(repository: Repository) -> str:
    """Return whether a repository is there, in the words of the modules."""
    return "present" if repository.exists() else "absent"


def repository_difference(name: str, before: str, after: str) -> dict[str, str]:
    """Return what --diff shows of a repository."""
    header = f"repository {name}"
    return {"before_header": header, "after_header": header, "before": before + "\n", "after": after + "\n"}


def terms_of(statement: Mapping[str, str]) -> dict[str, str]:
    """Return a statement's terms as AllegroGraph calls them; without a graph it is in the default one."""
    return {
        "subj": statement["subject"],
        "pred": statement["predicate"],
        "obj": statement["object"],
        "context": statement.get("graph", "null"),
    }


def number_found(repository: Repository, terms: Mapping[str, str], check_mode: bool) -> int:
    """Count the statement; in check mode the repository itself may be one that would only be made."""
    try:
        return len(repository.statement_ids(terms))
    except RefusedError as refusal:
        if check_mode and refusal.status == 404:
            return 0
        raise


def settle(repository: Repository, terms: Mapping[str, str], count: int) -> None:
    """Leave count copies, and hold it against what is there afterwards.

    Several of these at the same time may all add; each then keeps the lowest ids, so that the same copy remains.
    """
    for _ in range(ROUNDS):
        ids = repository.statement_ids(terms)
        if len(ids) == count:
            return
        if len(ids) < count:
            repository.add_statement(terms)
        else:
            repository.delete_statements(ids[count:])
    raise AgraphError(f"it is there {len(ids)} times, not {count}; does something else write to it?")


def statement_difference(terms: Mapping[str, str], before: int, after: int) -> dict[str, str]:
    """Return what --diff shows of a statement."""
    statement = f"{terms['subj']} {terms['pred']} {terms['obj']}"
    return {
        "before_header": "statements",
        "after_header": "statements",
        "before": f"{statement}\n" * before,
        "after": f"{statement}\n" * after,
    }
