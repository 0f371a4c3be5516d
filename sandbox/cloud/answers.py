"""What all of a service's operations have in common: pages, and requests that are carried out once."""

from __future__ import annotations

import json
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import get_service_model

from sandbox.cloud import context
from sandbox.cloud.consistency import CREATING, DESCRIBING, shown
from sandbox.cloud.errors import refusal
from sandbox.cloud.pages import LARGEST, Wanted, paging

EVERYTHING = 1_000_000_000
NOT_WITH_IDS = {
    "DescribeInstances": ("InstanceIds", "instancesSet"),
    "DescribeInstanceStatus": ("InstanceIds", "instancesSet"),
    "DescribeVolumes": ("VolumeIds", "volumesSet"),
}
"""Operations that take no page size together with ids."""
MISMATCH = "Arguments on this idempotent request are inconsistent with arguments used in previous request(s)."


class Answers(BaseResponse):  # type: ignore[misc]
    """Looks at each request before it is carried out, and at each answer before it is given."""

    _wanted: Wanted | None = None
    _promise: tuple[str, str] | None = None
    smallest_page = 1
    page_size = LARGEST

    def call_action(self) -> Any:
        """Answer a request."""
        try:
            known = self.before()
        except ServiceException as refused:
            known = ActionResult(refused)
        if known is None:
            return super().call_action()
        status, headers, body = self.serialized(known)
        headers, body = self._enrich_response(headers, body)
        return status, headers, body

    def serialized(self, action_result: ActionResult) -> Any:
        """Put an answer into words; the page of it that was asked for."""
        if not isinstance(action_result.result, Exception):
            try:
                self.after(action_result)
            except ServiceException as refused:
                action_result = ActionResult(refused)
        status, headers, body = super().serialized(action_result)
        if status < 400:
            self.created(str(body))
        return status, headers, body

    def created(self, body: str) -> None:
        """Take note of what an answer says was created."""

    def before(self) -> ActionResult | None:
        """Refuse a request, or return what is known to be its answer."""
        self._wanted = self._page_wanted(self._get_action())
        return None

    def after(self, answer: ActionResult) -> None:
        """Change an answer that is no refusal."""
        if self._wanted is not None:
            self._cut(answer, self._wanted)

    def _page_wanted(self, operation: str) -> Wanted | None:
        """Return the page that is asked for, and let moto give all of them."""
        how = paging(self.boto3_service_name, operation)
        if how is None:
            return None
        size, token = self.params.pop(how.size, None), self.params.pop(how.token, None)
        self.params[how.size] = EVERYTHING  # moto has pages of its own in some places
        if size is not None:
            self._check_size(operation, how.size, int(size))
        return Wanted(how, operation, self.page_size if size is None else int(size), token)

    def _check_size(self, operation: str, parameter: str, size: int) -> None:
        """Refuse a page size that the operation does not take."""
        shape = get_service_model(self.boto3_service_name).operation_model(operation).input_shape
        member = shape.members[parameter]
        smallest = int(member.metadata.get("min", self.smallest_page))
        largest = int(member.metadata.get("max", LARGEST))
        if not smallest <= size <= largest:
            raise self.bad_size(operation, size, smallest, largest)

    def bad_size(self, operation: str, size: int, smallest: int, largest: int) -> Exception:
        """Return the refusal of a page size."""
        raise NotImplementedError

    def bad_token(self, token: str | None) -> Exception:
        """Return the refusal of a token that nobody has given."""
        raise NotImplementedError

    def _cut(self, answer: ActionResult, wanted: Wanted) -> None:
        result, how = answer.result, wanted.paging
        if not isinstance(result, dict) or how.items not in result:
            return
        try:
            items, token = context.current().pages.cut(result[how.items] or [], wanted)
        except KeyError:
            raise self.bad_token(wanted.token) from None
        result |= {how.items: items, how.next_token: token}
        if how.truncated:
            result[how.truncated] = token is not None


class EC2Answers(Answers):
    """EC2's: at least five to a page, a thousand where nothing is asked for; tokens of clients."""

    smallest_page = 5
    _repeated = False

    def before(self) -> ActionResult | None:
        """Refuse a request, or return the answer that was given to the same one before."""
        operation = self._get_action()
        if operation in NOT_WITH_IDS and "MaxResults" in self.params:
            parameter, name = NOT_WITH_IDS[operation]
            if self.params.get(parameter):
                raise refusal(
                    "InvalidParameterCombination", f"The parameter {name} cannot be used with the parameter maxResults"
                )
        if (kind := DESCRIBING.get(operation)) is not None:
            for each in self.params.get(kind.ids) or []:
                if each in context.current().fresh:
                    raise refusal(kind.code, kind.message.format(each))
        if operation != "RunInstances":  # which looks at what is asked for first
            self.error_on_dryrun()
        known = self._once(operation)
        return super().before() if known is None else known

    def after(self, answer: ActionResult) -> None:
        """Change an answer that is no refusal, and keep it for those who ask again."""
        if self._promise is not None:
            key, asked = self._promise
            context.current().tokens[key] = asked, answer
        self._hide(answer)
        super().after(answer)

    def _hide(self, answer: ActionResult) -> None:
        """Leave out of a list what was just created."""
        here, operation = context.current(), self._get_action()
        if here.fresh and operation.startswith("Describe") and isinstance(answer.result, dict):
            for key, items in answer.result.items():
                if isinstance(items, list | tuple | set):
                    answer.result[key] = [each for each in items if shown(each, here.fresh)]

    def created(self, body: str) -> None:
        """Let what was created be unknown for a while; what an answer repeats is not created again."""
        here = context.current()
        operation = self._get_action()
        if operation in CREATING and not self._repeated:
            for each in dict.fromkeys(CREATING[operation].findall(body)):
                here.fresh.add(each, here.latency)

    def _once(self, operation: str) -> ActionResult | None:
        """Return what the same request with the same ClientToken was answered."""
        token = self.params.get("ClientToken")
        if not token or operation.startswith("Describe"):
            return None
        if len(token) > 64 or not token.isascii():
            raise refusal("InvalidParameterValue", f"Invalid client token '{token}': at most 64 ASCII characters.")
        asked = json.dumps({**self.params, "DryRun": None}, default=str, sort_keys=True)
        key = f"{self.region} {operation} {token}"
        before, answer = context.current().tokens.get(key, (asked, None))
        if before != asked:
            raise refusal("IdempotentParameterMismatch", MISMATCH)
        if answer is not None:
            self.error_on_dryrun()
            self._repeated = True
            return answer
        self._promise = key, asked
        return None

    def bad_size(self, operation: str, size: int, smallest: int, largest: int) -> Exception:
        """Return EC2's refusal of a page size."""
        bound = f"greater than {smallest}" if size < smallest else f"less than {largest}"
        return refusal(
            "InvalidParameterValue", f"Value ( {size} ) for parameter maxResults is invalid. Expecting a value {bound}."
        )

    def bad_token(self, token: str | None) -> Exception:
        """Return EC2's refusal of a token."""
        return refusal("InvalidNextToken", f"The specified token '{token}' is invalid.")
