"""The operators of a policy's conditions."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Operator:
    """An operator of a condition, taken apart."""

    name: str
    """In small letters, without what is said before and after it."""
    quantifier: str
    """``forallvalues``, ``foranyvalue`` or nothing."""
    lenient: bool
    """Whether the condition holds where the request has no such key."""

    @property
    def negated(self) -> bool:
        """Tell whether it holds where its positive does not."""
        return self.name in NEGATED

    @property
    def positive(self) -> str:
        """Return the operator that this one negates, or this one."""
        return self.name.replace("not", "", 1) if self.negated else self.name


def operator_of(text: str) -> Operator:
    """Take an operator apart; raises `UnknownOperatorError`."""
    quantifier, colon, name = text.lower().rpartition(":")
    operator = Operator(name.removesuffix("ifexists"), quantifier, name.endswith("ifexists"))
    is_known = operator.name == "null" or operator.positive in TESTS
    if not is_known or (colon and quantifier not in ("forallvalues", "foranyvalue")):
        raise UnknownOperatorError(f"The sandbox does not know the condition operator {text}.")
    return operator


def _holds(text: str, key: str, values: list[Any], keys: Keys, variables: Keys | None) -> bool:
    operator = operator_of(text)
    given, wanted = keys.get(key, ()), [_text(each) for each in values]
    if operator.name == "null":
        return any((not given) == (each.lower() == "true") for each in wanted)
    test, negated, quantifier = TESTS[operator.positive], operator.negated, operator.quantifier

    def fits(value: str) -> bool:
        return any(test(value, each, variables) for each in wanted) != negated

    if quantifier == "forallvalues":
        return all(fits(each) for each in given)
    if not given:
        return operator.lenient or (negated and not quantifier)
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
