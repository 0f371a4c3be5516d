"""The operators of a policy's conditions."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from sandbox.cloud.authorisation.wildcards import Keys, matches

Test = Callable[[str, str, Keys | None], bool]
"""Whether a value of the request fits one of the policy."""


class UnknownOperatorError(ValueError):
    """A condition that cannot be evaluated: to pass over it would allow what is forbidden."""


def holds(conditions: Mapping[str, Any], keys: Keys, variables: Keys | None) -> bool:
    """Tell whether all conditions of a statement hold."""
    return all(
        _holds(operator, key.lower(), as_list(values), keys, variables)
        for operator, block in conditions.items()
        for key, values in block.items()
    )


def as_list(value: Any) -> list[Any]:
    """Return a list, of one where the document has a single value."""
    return list(value) if isinstance(value, list | tuple) else [value]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _holds(operator: str, key: str, values: list[Any], keys: Keys, variables: Keys | None) -> bool:
    quantifier, colon, name = operator.rpartition(":")
    if colon and quantifier.lower() not in ("forallvalues", "foranyvalue"):
        raise UnknownOperatorError(f"The sandbox does not know the condition operator {operator}.")
    lenient = name.lower().endswith("ifexists")
    name = name.lower().removesuffix("ifexists")
    given, wanted = keys.get(key, ()), [_text(each) for each in values]
    if name == "null":
        return any((not given) == (each.lower() == "true") for each in wanted)
    positive = name.replace("not", "", 1) if name in NEGATED else name
    test = TESTS.get(positive)
    if test is None:
        raise UnknownOperatorError(f"The sandbox does not know the condition operator {operator}.")
    negated = name in NEGATED

    def fits(value: str) -> bool:
        return any(test(value, each, variables) for each in wanted) != negated

    if quantifier.lower() == "forallvalues":
        return all(fits(each) for each in given)
    if not given:
        return lenient or (negated and not quantifier)
    if quantifier or not negated:
        return any(fits(each) for each in given)
    return all(fits(each) for each in given)


def _number(compare: Callable[[float, float], bool]) -> Test:
    def test(value: str, wanted: str, _: Keys | None) -> bool:
        try:
            return compare(float(value), float(wanted))
        except ValueError:
            return False

    return test


def _moment(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _date(compare: Callable[[float, float], bool]) -> Test:
    def test(value: str, wanted: str, _: Keys | None) -> bool:
        try:
            return compare(_moment(value), _moment(wanted))
        except ValueError:
            return False

    return test


def _address(value: str, wanted: str, _: Keys | None) -> bool:
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return False


def _arn(value: str, wanted: str, variables: Keys | None) -> bool:
    """Compare part by part: a wildcard does not reach over a colon, but in the last part."""
    have, want = value.split(":", 5), wanted.split(":", 5)
    return len(have) == len(want) == 6 and all(
        matches(pattern, part, variables) for pattern, part in zip(want, have, strict=True)
    )


COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "equals": lambda value, wanted: value == wanted,
    "lessthan": lambda value, wanted: value < wanted,
    "lessthanequals": lambda value, wanted: value <= wanted,
    "greaterthan": lambda value, wanted: value > wanted,
    "greaterthanequals": lambda value, wanted: value >= wanted,
}
TESTS: dict[str, Test] = {
    "stringequals": lambda value, wanted, keys: matches(wanted, value, keys, wild=False),
    "stringequalsignorecase": lambda value, wanted, keys: matches(wanted, value, keys, wild=False, case=False),
    "stringlike": lambda value, wanted, keys: matches(wanted, value, keys),
    "bool": lambda value, wanted, _: value.lower() == wanted.lower(),
    "binaryequals": lambda value, wanted, _: value == wanted,
    "ipaddress": _address,
    "arnequals": _arn,
    "arnlike": _arn,
    **{f"numeric{name}": _number(compare) for name, compare in COMPARISONS.items()},
    **{f"date{name}": _date(compare) for name, compare in COMPARISONS.items()},
}
NEGATED = frozenset(
    {
        "stringnotequals",
        "stringnotequalsignorecase",
        "stringnotlike",
        "numericnotequals",
        "datenotequals",
        "notipaddress",
        "arnnotequals",
        "arnnotlike",
    }
)
