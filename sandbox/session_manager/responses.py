"""Systems Manager's API for agents and sessions, in place of moto's; Run Command is in `command_responses`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import moto.ssm.urls
from moto.core.responses import ActionResult

from sandbox.session_manager import errors, instances
from sandbox.session_manager.agents import Agent
from sandbox.session_manager.command_responses import CommandResponses
from sandbox.session_manager.gateway import Gateway
from sandbox.session_manager.pages import page
from sandbox.session_manager.session_documents import InvalidParametersError, UnknownDocumentError
from sandbox.session_manager.sessions import NotConnectedError, Session

_WITHOUT_A_VALUE: Final = ("ActivationIds", "AssociationStatus")
_SESSION_HISTORY_PAGE: Final = 200


def install(gateway: Gateway) -> None:
    """Let moto answer with this gateway's agents and sessions; to be called before the first request."""
    Responses.gateway = gateway
    moto.ssm.urls.url_paths["{0}/$"] = Responses.dispatch


class Responses(CommandResponses):
    """The operations that moto does not have, or only in name."""

    def describe_instance_information(self) -> ActionResult:
        """The managed instances and whether their agents are there."""
        filters = [(each["Key"], each["Values"]) for each in self._get_param("Filters") or []]
        filters += [(each["key"], each["valueSet"]) for each in self._get_param("InstanceInformationFilterList") or []]
        chosen = [agent for agent in self.gateway.agents.all(self.region) if self._fits(agent, filters)]
        shown, more = page(chosen, self._get_param("NextToken"), self._get_param("MaxResults"), smallest=5)
        return ActionResult({"InstanceInformationList": [self._information(each) for each in shown], **more})

    def get_connection_status(self) -> ActionResult:
        """Whether a session to the target could be started."""
        target = self._get_param("Target")
        connected = self.gateway.agents.peer(target) is not None
        return ActionResult({"Target": target, "Status": "connected" if connected else "notconnected"})

    def start_session(self) -> ActionResult:
        """Begin a session; its data channel is at the gateway."""
        target, document = self._get_param("Target"), self._get_param("DocumentName")
        try:
            session = self.gateway.sessions.start(
                target,
                document,
                self._get_param("Parameters"),
                owner=self._caller(),
                reason=self._get_param("Reason", ""),
                region=self.region,
            )
        except NotConnectedError:
            raise errors.target_not_connected(target) from None
        except UnknownDocumentError:
            raise errors.invalid_document(document) from None
        except InvalidParametersError as error:
            raise errors.invalid_parameters(str(error)) from None
        return ActionResult(self._access(session))

    def resume_session(self) -> ActionResult:
        """Go on with a session whose connection was cut; an empty token says that it is over."""
        session_id = self._get_param("SessionId")
        session = self.gateway.sessions.resume(session_id)
        if session is None:
            raise errors.session_does_not_exist(session_id)
        if session.ended is not None:
            return ActionResult({"SessionId": session_id, "TokenValue": "", "StreamUrl": ""})
        return ActionResult(self._access(session))

    def terminate_session(self) -> ActionResult:
        """End a session; one that has ended is no error."""
        session_id = self._get_param("SessionId")
        if self.gateway.sessions.terminate(session_id) is None:
            raise errors.session_does_not_exist(session_id)
        return ActionResult({"SessionId": session_id})

    def describe_sessions(self) -> ActionResult:
        """The active sessions, or those of the past."""
        chosen = self.gateway.sessions.describe(self.region, history=self._get_param("State") == "History")
        for each in self._get_param("Filters") or []:
            chosen = [session for session in chosen if _session_fits(session, each["key"], each["value"])]
        shown, more = page(
            chosen, self._get_param("NextToken"), self._get_param("MaxResults"), largest=_SESSION_HISTORY_PAGE
        )
        return ActionResult({"Sessions": [_session(each) for each in shown], **more})

    def _access(self, session: Session) -> dict[str, str]:
        return {
            "SessionId": session.id,
            "TokenValue": session.token,
            "StreamUrl": self.gateway.stream_url(session),
        }

    def _caller(self) -> str:
        from moto.iam.models import iam_backends
        from moto.sts.models import sts_backends

        sts = sts_backends[self.current_account][self.partition]
        assumed = sts.get_assumed_role_from_access_key(self.get_access_key())
        if assumed is not None:
            return str(assumed.arn)
        user = iam_backends[self.current_account][self.partition].get_user_from_access_key_id(self.get_access_key())
        return user.arn if user is not None else f"arn:{self.partition}:iam::{self.current_account}:root"

    def _fits(self, agent: Agent, filters: list[tuple[str, list[str]]]) -> bool:
        for key, values in filters:
            if key.startswith("tag"):
                if not instances.matching(self.current_account, self.region, [agent.instance_id], key, values):
                    return False
            elif self._attribute(agent, key) not in values:
                return False
        return True

    def _attribute(self, agent: Agent, key: str) -> str:
        match key:
            case "InstanceIds":
                return agent.instance_id
            case "PingStatus":
                return self.gateway.agents.ping_status(agent)
            case "AgentVersion":
                return agent.agent_version
            case "PlatformTypes":
                return "Linux"
            case "ResourceType":
                return "EC2Instance"
            case "SourceType":
                return "AWS::EC2::Instance"
        if key in _WITHOUT_A_VALUE:
            return ""
        raise errors.invalid_filter(key)

    def _information(self, agent: Agent) -> dict[str, Any]:
        return {
            "InstanceId": agent.instance_id,
            "PingStatus": self.gateway.agents.ping_status(agent),
            "LastPingDateTime": datetime.fromtimestamp(agent.last_ping, UTC),
            "AgentVersion": agent.agent_version,
            "IsLatestVersion": True,
            "PlatformType": "Linux",
            "PlatformName": agent.platform_name,
            "PlatformVersion": agent.platform_version,
            "ResourceType": "EC2Instance",
            "IPAddress": agent.ip_address,
            "ComputerName": agent.computer_name,
            "SourceId": agent.instance_id,
            "SourceType": "AWS::EC2::Instance",
        }


def _session_fits(session: Session, key: str, value: str) -> bool:
    match key:
        case "Target":
            return session.instance_id == value
        case "SessionId":
            return session.id == value
        case "Owner":
            return session.owner == value
        case "Status":
            return session.status == value
        case "InvokedAfter" | "InvokedBefore":
            moment = _moment(value)
            return session.started >= moment if key == "InvokedAfter" else session.started <= moment
        case "AccessType":
            return value == "Standard"
    raise errors.invalid_filter(key)


def _moment(value: str) -> float:
    try:
        return datetime.fromisoformat(value).timestamp()
    except ValueError:
        raise errors.validation(value, "filters", "Member must be a time as in ISO 8601") from None


def _session(session: Session) -> dict[str, Any]:
    content: dict[str, Any] = {
        "SessionId": session.id,
        "Target": session.instance_id,
        "Status": session.status,
        "StartDate": datetime.fromtimestamp(session.started, UTC),
        "DocumentName": session.document,
        "Owner": session.owner,
        "OutputUrl": {},
        "AccessType": "Standard",
    }
    if session.reason:
        content["Reason"] = session.reason
    if session.ended is not None:
        content["EndDate"] = datetime.fromtimestamp(session.ended, UTC)
    return content
