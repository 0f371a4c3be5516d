"""What a failure is in a sentence: on what it happened, what was said, and what a person can do about it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ansible.playbook.block import Block

from plugins.plugin_utils.task_lines import action_of

REPEATABLE = {"up", "down", "stop", "start", "load"}
# What a task is called that fails since something failed in a play before it.
LED_HERE = "End with the error that led here"
COMMANDS = {"command", "raw", "script", "shell"}
# What Ansible puts before a message, some of it several times.
PREFIX = re.compile(r"((Task|Action|Module) failed|Unexpected \w+ error): ")
# What AWS said, in the traceback of a module that keeps it to itself.
CAUSE = re.compile(r"^botocore\.exceptions\.\w+: (.+)$", re.MULTILINE)
# What botocore puts in front of AWS's own words.
CALLING = re.compile(r"An error occurred \((\w+)\) when calling the (\w+) operation( \(reached max \w+: \d+\))?: ")
# S3 has no code where its answer has no body.
DENIED = re.compile(r"\b(UnauthorizedOperation|AccessDenied\w*)\b|\(403\)")
DENIED_REMEDY = "The credentials may not do this: have it allowed, as docs/operator-policy.md says."
# What AWS refuses, wherever it does, and what a person can do about it.
REMEDIES = (
    (
        re.compile(r"\b(RequestLimitExceeded|Throttling\w*|TooManyRequestsException)\b"),
        "The account asks AWS for too much at once: wait a minute.",
    ),
    (
        re.compile(r"\bInsufficient\w*Capacity\b"),
        "AWS has no room for it at present: wait, or choose another federation_instance_type.",
    ),
    (
        re.compile(r"\bDependencyViolation\b"),
        "Something stands in it that is not the federation's: take it out.",
    ),
    (
        re.compile(r"\b(HTTP|calling the \w+ operation).*\b5\d\d\b|\((5\d\d|Internal\w*|ServiceUnavailable)\)"),
        "This is a fault of AWS's own: wait a minute.",
    ),
    (
        re.compile(r"\bendpoint URL\b"),
        "AWS cannot be reached: see to the network.",
    ),
    (
        re.compile(r"\b\w*LimitExceeded\b"),
        "This is a quota of the account: release what is not needed, or ask AWS for more.",
    ),
    (DENIED, DENIED_REMEDY),
)
# What comes from a connection that is lost, be it as unreachable or as failed, and what it means.
LOST = (
    (re.compile(r"\[Errno \d+\] .*"), "the session broke off."),
    (re.compile(r"\w+ command '.*' timeout on host: .*"), "a command did not end in time."),
    (re.compile(r"Failed to create temporary directory\..* stdout output: (.*)"), r"nothing can be written there: \1."),
    (CALLING, r"\2 is refused with \1: "),
)
LOST_REMEDY = "Is its SSM agent online, and is there room on its disk? Look with: aws ssm start-session --target "


@dataclass
class Failure:
    """A task that failed on a host, or a host that could not be reached."""

    task_uuid: str
    sentence: str
    ignored: bool
    # The blocks with a rescue that the task stands in: (uuid of the block, which of its sections)
    sections: list[tuple[str, str]]
    unreachable: bool = False
    # Whether the same command can succeed when what the sentence says is mended: not with a setting that is wrong.
    repeatable: bool = True
    # Whether it only says that something failed before.
    again: bool = False

    @property
    def is_rescued(self) -> bool:
        """Say whether a rescue section takes over; it does not for a host that cannot be reached."""
        return not self.unreachable and any(section == "block" for _, section in self.sections)


def original(failures: list[Failure]) -> Failure | None:
    """Return the failure that ended the run: what a rescue re-raises leads back to what it was called for."""
    standing = [failure for failure in failures if not failure.ignored]
    fatal = next((failure for failure in standing if not failure.is_rescued), standing[0] if standing else None)
    while fatal:
        rescues = {block for block, section in fatal.sections if section in ("rescue", "always")}
        cause = next(
            (each for each in standing if any(block in rescues and what == "block" for block, what in each.sections)),
            None,
        )
        if cause is None or cause is fatal:
            # What a lane rescued to let the other one come to its end is told in a later play.
            return next((each for each in standing if not each.again), fatal) if fatal.again else fatal
        fatal = cause
    return None


def error_of(failures: list[Failure], verb: str, federation: str) -> str:
    """Return how a failed run ends: the failure that ended it, and what to type next."""
    failure = original(failures)
    if failure is None:
        return "The run failed without saying why. Run it again with -v to see all of it."
    others = {each.sentence for each in failures if each.task_uuid == failure.task_uuid and not each.ignored}
    others -= {failure.sentence}
    sentence = failure.sentence + (f" (The same task failed on {len(others)} more.)" if others else "")
    return with_next_command(sentence, verb, federation) if failure.repeatable else sentence


def says_again(task: Any) -> bool:
    """Say whether a task only ends with an error that was said when it came up."""
    if action_of(task) != "fail":
        return False
    return task.name.endswith(LED_HERE) or any(section == "rescue" for _, section in sections_of(task))


def with_next_command(sentence: str, verb: str, federation: str) -> str:
    """Return what ended a verb that can be repeated, with the command that does, unless it says itself what to do."""
    if verb not in REPEATABLE or "ansible-playbook" in sentence or "repeat this" in sentence:
        return sentence
    stop = "" if sentence.endswith((".", "!", "?")) else "."
    return f"{sentence}{stop} Then repeat: ansible-playbook {verb}.yml -e federation_name={federation}"


def sections_of(task: Any) -> Iterator[tuple[str, str]]:
    """Yield every block with a rescue that the task stands in, the innermost first, and in which section."""
    child, parent = task, task._parent
    while parent is not None:
        if isinstance(parent, Block) and parent.rescue:
            for section in ("block", "rescue", "always"):
                if any(each._uuid == child._uuid for each in getattr(parent, section)):
                    yield parent._uuid, section
        child, parent = parent, parent._parent


def on_one_line(text: str) -> str:
    """Return a text with a space for each run of white space: what AWS says ends in some now and then."""
    return " ".join(text.split())


def tracebacks_of(error: Any) -> str:
    """Return the tracebacks of a result's ErrorSummary, and of what led to it, as far as they were kept."""
    found, event = [], error and error.event
    while event:
        found.append(event.formatted_traceback or "")
        event = event.chain and event.chain.event
    return "\n".join(found)


def message_of(task: Any, result: dict[str, Any], tracebacks: str = "", items: Sequence[str] = ()) -> str:
    """Return what a failed result says, on one line; of a loop, what its first failed items said."""
    if items:
        return " ".join(list(dict.fromkeys(items))[:3])
    if "censored" in result:
        return "its output is hidden, because it holds secrets."
    text = on_one_line(str(result.get("msg", "")))
    if action_of(task) in COMMANDS:
        said = str(result.get("stderr") or result.get("stdout") or result.get("module_stderr") or "").strip()
        text = f"{text}: {said.splitlines()[-1]}" if said else text
    while match := PREFIX.match(text):
        text = text[match.end() :]
    error = result.get("error")
    # Some modules keep to themselves what AWS said.
    if isinstance(error, dict) and error.get("code") and str(error["code"]) not in text:
        text = f"{text.rstrip(' .:')}: {error['code']}: {error.get('message', '')}"
    elif cause := CAUSE.search(tracebacks):
        kept = on_one_line(cause[1])
        # The module may have said in another way what botocore says in front of AWS's own words.
        if CALLING.sub("", kept).rstrip(".") not in text:
            text = f"{text.rstrip(' .:')}: {kept}"
    return text or "it does not say why."


def sentence_of(name: str, task: Any, host: Any, text: str) -> str:
    """Return the failure as a sentence, with the node that it happened on."""
    # Only the project's own modules are called without a collection.
    own = action_of(task) in ("fail", "assert") or "." not in str(task.action)
    remedy = next((words for pattern, words in REMEDIES if pattern.search(text)), None)
    if not own or text == "Assertion failed" or text.startswith("Finalization of task args"):
        text = f"{name}: {text}"
        remedy = remedy or "Run it again with -v to see all of it."
    if remedy:
        text += f"{'' if text.endswith(('.', '!', '?')) else '.'} {remedy}"
    node = node_of(host)
    return text if node is None or host.get_name() in text else f"{node}: {text}"


def lost_of(host: Any, text: str, unreachable: bool) -> str | None:
    """Return a lost connection as a sentence with the node that is behind it; None when it is no such thing."""
    said = next((pattern.sub(words, text) for pattern, words in LOST if pattern.match(text)), None)
    node = node_of(host)
    if unreachable or (node and said):
        said = said or text
        if DENIED.search(text):
            return f"{node or host.get_name()} cannot be reached: {said.rstrip('.')}. {DENIED_REMEDY}"
        help_for_it = f" {LOST_REMEDY}{host.get_name()}" if node else ""
        return f"{node or host.get_name()} cannot be reached: {said}{help_for_it}"
    return None


def node_of(host: Any) -> str | None:
    """Return what to call a node of the federation; None for the controller."""
    variables = host.get_vars()
    if "federation_role" not in variables:
        return None
    role = str(variables["federation_role"]).capitalize()
    number = f" {variables['federation_index']}" if "federation_index" in variables else ""
    address = variables.get("public_ip_address") or variables.get("private_ip_address")
    return f"{role}{number} ({host.get_name()}{f', {address}' if address else ''})"
