"""Run Command's API, in place of moto's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from moto.core.responses import ActionResult, EmptyResult
from moto.ssm.exceptions import SSMException

from sandbox.session_manager import documents, errors, instances
from sandbox.session_manager.commands import FINAL, Command, Invocation, Order
from sandbox.session_manager.document_responses import DocumentResponses
from sandbox.session_manager.errors import SystemsManagerError
from sandbox.session_manager.gateway import Gateway
from sandbox.session_manager.pages import page

_MOST_INSTANCES: Final = 50
_START_WITHIN: Final = (30, 2_592_000)
_DEFAULT_START: Final = 3600
_SUMMARY_LIMIT: Final = 2500
"""Characters of output that ListCommandInvocations shows."""


class CommandResponses(DocumentResponses):
    """SendCommand and what is asked about it."""

    gateway: ClassVar[Gateway]

    def send_command(self) -> ActionResult:
        """Send a script to instances."""
        timeout = self._get_param("TimeoutSeconds", _DEFAULT_START)
        if not _START_WITHIN[0] <= timeout <= _START_WITHIN[1]:
            least, most = _START_WITHIN
            raise errors.validation(timeout, "timeoutSeconds", f"Member must have value between {least} and {most}")
        parameters = self._get_param("Parameters") or {}
        document = self._get_param("DocumentName")
        script = documents.script(self._content(document), parameters)
        targets = self._get_param("Targets") or []
        order = Order(
            document=document,
            parameters=parameters,
            script=script.text,
            directory=script.directory,
            execution_timeout=script.timeout,
            delivery_timeout=timeout,
            region=self.region,
            plugin=script.plugin,
            comment=self._get_param("Comment", ""),
            targets=targets,
            maximum_concurrency=self._get_param("MaxConcurrency", "50"),
            maximum_errors=self._get_param("MaxErrors", "0"),
        )
        chosen = self._chosen(self._get_param("InstanceIds") or [], targets)
        command = self.gateway.commands.send(order, chosen)
        return ActionResult({"Command": _command(command)})

    def list_commands(self) -> ActionResult:
        """The commands, the latest first."""
        command_id, instance_id = self._get_param("CommandId"), self._get_param("InstanceId")
        chosen = [
            command
            for command in self.gateway.commands.all(self.region)
            if command_id in (None, command.id)
            and (instance_id is None or instance_id in command.invocations)
            and self._passes(command, command.status)
        ]
        if command_id is not None and not chosen and not self._get_param("Filters"):
            self._find(command_id)
        shown, more = page(chosen, self._get_param("NextToken"), self._get_param("MaxResults"))
        return ActionResult({"Commands": [_command(each) for each in shown], **more})

    def list_command_invocations(self) -> ActionResult:
        """How commands went, instance by instance."""
        command_id, instance_id = self._get_param("CommandId"), self._get_param("InstanceId")
        commands = [self._find(command_id)] if command_id else self.gateway.commands.all(self.region)
        chosen = [
            (command, invocation)
            for command in commands
            for invocation in command.invocations.values()
            if instance_id in (None, invocation.instance_id) and self._passes(command, invocation.status)
        ]
        shown, more = page(chosen, self._get_param("NextToken"), self._get_param("MaxResults"))
        details = bool(self._get_param("Details"))
        return ActionResult({"CommandInvocations": [_summary(*each, details=details) for each in shown], **more})

    def get_command_invocation(self) -> ActionResult:
        """How a command went on one instance, with its output."""
        command = self._find(self._get_param("CommandId"))
        invocation = command.invocations.get(self._get_param("InstanceId"))
        if invocation is None:
            raise SystemsManagerError("InvocationDoesNotExist", "")
        plugin = self._get_param("PluginName")
        if plugin not in (None, command.order.plugin):
            raise SystemsManagerError("InvalidPluginName", "")
        return ActionResult(_invocation(command, invocation))

    def cancel_command(self) -> ActionResult:
        """End what has not ended yet."""
        command = self._find(self._get_param("CommandId"))
        self.gateway.commands.cancel(command, self._get_param("InstanceIds") or [])
        return EmptyResult()

    def _find(self, command_id: str) -> Command:
        command = self.gateway.commands.get(command_id)
        if command is None or command.order.region != self.region:
            raise SystemsManagerError("InvalidCommandId", "")
        return command

    def _content(self, document: str) -> dict[str, Any] | None:
        """The content of one of the account's own documents; None means AWS-RunShellScript."""
        if document == documents.RUN_SHELL_SCRIPT:
            return None
        try:
            stored = self.ssm_backend.get_document(
                name=document, version_name=None, document_version=None, document_format="JSON"
            )
        except SSMException:
            raise errors.invalid_document(document) from None
        content = documents.read(stored["Content"]) if stored.get("DocumentType") == "Command" else None
        if content is None:
            raise errors.invalid_document(document)
        return content

    def _chosen(self, instance_ids: list[str], targets: list[dict[str, Any]]) -> dict[str, str]:
        """The instances that are meant, with their names."""
        account, region = self.current_account, self.region
        if len(instance_ids) > _MOST_INSTANCES:
            raise errors.validation(
                instance_ids, "instanceIds", f"Member must have length less than or equal to {_MOST_INSTANCES}"
            )
        if len(set(instance_ids)) != len(instance_ids):
            raise SystemsManagerError("DuplicateInstanceId", "")
        if not instance_ids and not targets:
            raise SystemsManagerError("InvalidInstanceId", "Either InstanceIds or Targets must be given.")
        managed = [agent.instance_id for agent in self.gateway.agents.all(region)]
        invalid = [each for each in instance_ids if each not in managed or not instances.runs(account, region, each)]
        if invalid:
            raise errors.invalid_instances(invalid, account)
        if targets:
            instance_ids = [each for each in managed if instances.runs(account, region, each)]
            for target in targets:
                instance_ids = instances.matching(account, region, instance_ids, target["Key"], target["Values"])
        return {each: instances.name(account, region, each) for each in instance_ids}

    def _passes(self, command: Command, status: str) -> bool:
        tests: dict[str, Callable[[str], bool]] = {
            "Status": lambda value: status == value,
            "DocumentName": lambda value: command.order.document == value,
            "ExecutionStage": lambda value: (value == "Complete") == (status in FINAL),
            "InvokedAfter": lambda value: command.requested >= datetime.fromisoformat(value).timestamp(),
            "InvokedBefore": lambda value: command.requested <= datetime.fromisoformat(value).timestamp(),
        }
        for each in self._get_param("Filters") or []:
            if each["key"] not in tests:
                raise errors.invalid_filter(each["key"])
            if not tests[each["key"]](each["value"]):
                return False
        return True


def _time(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, UTC)


def _command(command: Command) -> dict[str, Any]:
    order = command.order
    return {
        "CommandId": command.id,
        "DocumentName": order.document,
        "DocumentVersion": "$DEFAULT",
        "Comment": order.comment,
        "ExpiresAfter": _time(command.expires + order.execution_timeout),
        "Parameters": order.parameters,
        "InstanceIds": [] if order.targets else list(command.invocations),
        "Targets": order.targets,
        "RequestedDateTime": _time(command.requested),
        "Status": command.status,
        "StatusDetails": command.details,
        "OutputS3BucketName": "",
        "OutputS3KeyPrefix": "",
        "MaxConcurrency": order.maximum_concurrency,
        "MaxErrors": order.maximum_errors,
        "TargetCount": len(command.invocations),
        "CompletedCount": command.count(*FINAL),
        "ErrorCount": command.count("Failed", "TimedOut"),
        "DeliveryTimedOutCount": sum(each.details == "DeliveryTimedOut" for each in command.invocations.values()),
        "ServiceRole": "",
        "TimeoutSeconds": int(order.delivery_timeout),
    }


def _output(invocation: Invocation) -> str:
    output = invocation.standard_output
    if invocation.standard_error:
        output += "\n----------ERROR-------\n" + invocation.standard_error
    return output[:_SUMMARY_LIMIT]


def _summary(command: Command, invocation: Invocation, *, details: bool) -> dict[str, Any]:
    plugin: dict[str, Any] = {
        "Name": command.order.plugin,
        "Status": invocation.status,
        "StatusDetails": invocation.details,
        "ResponseCode": invocation.response_code,
        "Output": _output(invocation),
        "StandardOutputUrl": "",
        "StandardErrorUrl": "",
    }
    if invocation.started is not None:
        plugin["ResponseStartDateTime"] = _time(invocation.started)
    if invocation.ended is not None:
        plugin["ResponseFinishDateTime"] = _time(invocation.ended)
    return {
        "CommandId": command.id,
        "InstanceId": invocation.instance_id,
        "InstanceName": invocation.instance_name,
        "Comment": command.order.comment,
        "DocumentName": command.order.document,
        "DocumentVersion": "$DEFAULT",
        "RequestedDateTime": _time(command.requested),
        "Status": invocation.status,
        "StatusDetails": invocation.details,
        "StandardOutputUrl": "",
        "StandardErrorUrl": "",
        "CommandPlugins": [plugin] if details else [],
        "ServiceRole": "",
    }


def _invocation(command: Command, invocation: Invocation) -> dict[str, Any]:
    started, ended = invocation.started, invocation.ended
    return {
        "CommandId": command.id,
        "InstanceId": invocation.instance_id,
        "Comment": command.order.comment,
        "DocumentName": command.order.document,
        "DocumentVersion": "$DEFAULT",
        "PluginName": command.order.plugin,
        "ResponseCode": invocation.response_code,
        "ExecutionStartDateTime": _iso(started),
        "ExecutionElapsedTime": f"PT{ended - started:.3f}S" if started is not None and ended is not None else "",
        "ExecutionEndDateTime": _iso(ended),
        "Status": invocation.status,
        "StatusDetails": invocation.details,
        "StandardOutputContent": invocation.standard_output,
        "StandardOutputUrl": "",
        "StandardErrorContent": invocation.standard_error,
        "StandardErrorUrl": "",
    }


def _iso(moment: float | None) -> str:
    return _time(moment).isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment is not None else ""
