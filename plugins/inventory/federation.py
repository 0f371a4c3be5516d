"""Puts a run into one of the two worlds, the sandbox or AWS, before anything else asks AWS for something."""

from __future__ import annotations

DOCUMENTATION = r"""
name: federation
short_description: Choose between the sandbox and AWS, for everything in this run
description:
  - Stands first in an inventory, before C(amazon.aws.aws_ec2). What it puts into the environment reaches every
    inventory plugin, module and connection of this run, and nothing else.
  - In the world V(sandbox) it starts the sandbox when it is not running, takes out of the environment whatever speaks
    of AWS, and puts in what leads to the sandbox.
  - In the world V(aws) it leaves the user's own environment as it is but for the region, which is
    C(federation_region), and refuses the sandbox's endpoint and credentials that do not work.
  - In both it reads C(federation_name), C(federation_region) and C(federation_profile) from the inventory's group
    variables and C(-e), and hands name and region on as C(FEDERATION_NAME) and C(FEDERATION_REGION), since other
    inventory plugins cannot read group variables.
  - It puts C(localhost) and the group C(federation_nodes) into a group that is called as the world is, and so gives
    them the world's own settings.
  - It sees that EC2 answers, so that what is wrong there is said in one sentence.
  - It refuses C(--limit) for the verbs of the project, each of which works on the whole federation.
  - It names the run, as C(FEDERATION_RUN), and its process, as C(FEDERATION_PROCESS), for the federation's lease.
extends_documentation_fragment: []
options:
  plugin:
    description: V(federation).
    required: true
    choices: [federation]
  world:
    description: Where the federation lives.
    required: true
    choices: [sandbox, aws]
"""

EXAMPLES = r"""
plugin: federation
world: sandbox
"""

import difflib
import ipaddress
import json
import os
import shutil
import subprocess
import sys
import urllib.parse
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import botocore.session
from ansible import context
from ansible.inventory.group import Group
from ansible.plugins.inventory import BaseInventoryPlugin
from ansible.template import Templar
from ansible.utils.vars import combine_vars
from ansible.vars.plugins import get_vars_from_path
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ProfileNotFound
from botocore.loaders import create_loader
from botocore.regions import EndpointResolver

CHECKOUT = Path(__file__).resolve().parents[2]
PROXIES = {"http_proxy", "https_proxy", "all_proxy"}
# The second number of the sandbox's addresses, 127.N.0.1; nobody else's endpoint is there.
SANDBOX_NUMBERS = range(66, 127)
OWN_PLUGIN = Path(sys.executable).parent / "session-manager-plugin"
START_TIMEOUT = 120
# Every setting begins with it.
PREFIX = "federation_"
KEY_NAMES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")


class WrongError(Exception):
    """What keeps this run from beginning, in one sentence."""


class InventoryModule(BaseInventoryPlugin):
    """The inventory plugin."""

    NAME = "federation"

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Enter the world; it is also called when a play refreshes the inventory."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        world = str(self.get_option("world"))
        try:
            refuse_limit(context.CLIARGS.get("subset"), context.CLIARGS.get("args") or ())
            settings = self._settings(Path(path).parent, world)
            region = known_region(settings["federation_region"])
            if world == "sandbox":
                enter_sandbox(started_sandbox())
            else:
                enter_aws(settings["federation_profile"], region)
            be_patient()
            ask_for_instances(region)
        except WrongError as error:
            give_up(str(error))
        name_this_run()
        os.environ |= {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
        os.environ |= {"FEDERATION_NAME": settings["federation_name"], "FEDERATION_REGION": region}
        group = self.inventory.add_group(world)
        self.inventory.set_variable(group, "ansible_aws_ssm_plugin", session_manager_plugin())
        self.inventory.add_host("localhost", group)
        self.inventory.add_child(group, self.inventory.add_group("federation_nodes"))

    def _settings(self, folder: Path, world: str) -> dict[str, str]:
        """Return the three settings that matter before there are hosts, as the plays will see them."""
        known: dict[str, Any] = {}
        for name in ("all", world):
            known = combine_vars(known, get_vars_from_path(self.loader, str(folder), [Group(name)], "task"))
        if misspelt := next((name for name in self._vars if name.startswith(PREFIX) and name not in known), None):
            near = " or ".join(difflib.get_close_matches(misspelt, known, n=2)) or "one in group_vars/all.yml"
            raise WrongError(f"There is no setting {misspelt}; perhaps {near} is meant.")
        known = combine_vars(known, self._vars)
        templar = Templar(loader=self.loader, variables=known)
        names = ("federation_name", "federation_region", "federation_profile")
        return {name: str(templar.template(known.get(name, ""))) for name in names}


def refuse_limit(limit: str | None, playbooks: Sequence[str]) -> None:
    """Raise when one of our verbs is to work on a part of a federation: it would take the rest for missing."""
    for each in playbooks:
        if limit and Path(each).resolve().parent in (CHECKOUT, CHECKOUT / "playbooks"):
            raise WrongError(
                f"--limit {limit} would leave a part of the federation out, and {Path(each).stem} works on all of it: "
                "run it without --limit."
            )


def name_this_run() -> None:
    """Tell all tasks which run they belong to: this process outlives them, and they could not find it by themselves."""
    process = str(os.getpid())
    # A run may be a part of another one, and has that one's environment then.
    if os.environ.get("FEDERATION_PROCESS") != process:
        os.environ |= {"FEDERATION_PROCESS": process, "FEDERATION_RUN": uuid.uuid4().hex}


def known_region(region: str) -> str:
    """Return the region, or raise when botocore does not know it; AWS has no address that could refuse it."""
    # A session would read the user's profile, which is no business of the sandbox's.
    resolver = EndpointResolver(create_loader().load_data("endpoints"))
    partitions = resolver.get_available_partitions()
    known = [str(each) for partition in partitions for each in resolver.get_available_endpoints("ec2", partition)]
    if region not in known:
        near = " or ".join(difflib.get_close_matches(region, known, n=2, cutoff=0)) or "us-west-2"
        raise WrongError(f"There is no AWS region '{region}'; set federation_region to one that is, perhaps {near}.")
    return region


def started_sandbox() -> dict[str, Any]:
    """Return the state of the sandbox, which is started when it is not running."""
    command = [sys.executable, "-m", "sandbox", "start"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(CHECKOUT), environment.get("PYTHONPATH")]))
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=START_TIMEOUT, env=environment, check=False
        )
    except subprocess.TimeoutExpired:
        raise WrongError(
            f"The sandbox did not start within {START_TIMEOUT} s; look with: python -m sandbox status"
        ) from None
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or f"it ended with {done.returncode}").splitlines()[-1]
        raise WrongError(f"The sandbox does not start: {said.removeprefix('ERROR: ')}")
    chosen = os.environ.get("SANDBOX_HOME")
    file = (Path(chosen) if chosen else CHECKOUT / ".sandbox") / "state.json"
    try:
        state: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WrongError(
            f"The sandbox started but {file} cannot be read ({error}); stop it with: python -m sandbox stop"
        ) from None
    return state


def enter_sandbox(state: dict[str, Any]) -> None:
    """Take the user's AWS out of the environment, and put the sandbox in."""
    for name in list(os.environ):
        # A proxy would be asked for the sandbox's addresses, and does not know them.
        if name.startswith("AWS_") or name.lower() in PROXIES:
            del os.environ[name]
    os.environ |= {
        "AWS_ENDPOINT_URL": state["endpoint"],
        # S3 answers by TLS, which a bucket may insist on, with a certificate of the sandbox's own authority.
        "AWS_ENDPOINT_URL_S3": state["endpoint_s3"],
        "AWS_CA_BUNDLE": state["authority"],
        "AWS_ACCESS_KEY_ID": state["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": state["secret_access_key"],
        # ~/.aws may name endpoints and profiles of its own.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def enter_aws(profile: str, region: str) -> None:
    """See to it that the user's own environment leads somewhere, and not into the sandbox."""
    if profile:
        # The setting is meant; amazon.aws refuses to choose between a profile and keys.
        for name in KEY_NAMES:
            os.environ.pop(name, None)
        os.environ["AWS_PROFILE"] = profile
    elif os.environ.get("AWS_PROFILE") and os.environ.get("AWS_ACCESS_KEY_ID"):
        raise WrongError("Both AWS_PROFILE and AWS_ACCESS_KEY_ID are set, and only one can be meant; unset the other.")
    for name, value in os.environ.items():
        if name.startswith("AWS_ENDPOINT_URL") or name == "AWS_URL":
            refuse_sandbox(name, value)
    try:
        session = botocore.session.get_session()
        if session.get_credentials() is None:
            raise WrongError(
                "No AWS credentials were found; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
                "or leave out -i inventory/aws to use the sandbox."
            )
        patience = Config(connect_timeout=10, read_timeout=20, retries={"total_max_attempts": 2})
        client: Any = session.create_client("sts", region_name=region, config=patience)
        refuse_sandbox("The endpoint_url of the profile", client.meta.endpoint_url)
        client.get_caller_identity()
    except ProfileNotFound as error:
        raise WrongError(f"{error}; choose one of `aws configure list-profiles`.") from None
    except ClientError as error:
        reason = error.response["Error"]
        raise WrongError(
            f"AWS refuses these credentials ({reason['Code']}: {str(reason['Message']).rstrip('.')}); "
            "look with: aws sts get-caller-identity"
        ) from None
    except BotoCoreError as error:
        raise WrongError(f"AWS cannot be asked who you are: {' '.join(str(error).split())}") from None


def be_patient() -> None:
    """Have every client of this run ask again, with back-off and jitter, for as long as AWS throttles for a while.

    Three attempts are botocore's default: of a hundred calls of which one in five is throttled, one would fail.
    """
    os.environ.setdefault("AWS_RETRY_MODE", "standard")
    os.environ.setdefault("AWS_MAX_ATTEMPTS", "6")


def ask_for_instances(region: str) -> None:
    """See that EC2 says which instances there are: aws_ec2 asks next, and shows an error as warnings of all plugins."""
    try:
        client: Any = botocore.session.get_session().create_client("ec2", region_name=region)
        client.describe_instances(MaxResults=5)
    except ClientError as error:
        reason = error.response["Error"]
        raise WrongError(
            f"EC2 does not say in {region} which instances there are ({reason['Code']}: "
            f"{str(reason['Message']).rstrip('.')}); have ec2:DescribeInstances allowed, as docs/operator-policy.md "
            "says, or repeat this in a minute."
        ) from None
    except BotoCoreError as error:
        raise WrongError(
            f"EC2 cannot be asked in {region} ({' '.join(str(error).split()).rstrip('.')}); see to the network, and "
            "repeat this."
        ) from None


def refuse_sandbox(what: str, url: str) -> None:
    """Raise when a URL leads into a sandbox."""
    try:
        address = ipaddress.IPv4Address(urllib.parse.urlsplit(url).hostname or "")
    except ValueError:
        return
    first, second, *_ = address.packed
    if first == 127 and second in SANDBOX_NUMBERS:
        raise WrongError(
            f"{what} is {url}, which is the sandbox and not AWS; unset it and the keys that came with it, "
            "or leave out -i inventory/aws to use the sandbox."
        )


def session_manager_plugin() -> str:
    """Return AWS's own session-manager-plugin where it is installed, else the project's."""
    chosen = os.environ.get("AWS_SESSION_MANAGER_PLUGIN")
    if chosen:
        return chosen
    # An active virtual environment has the project's own one in front.
    folders = ["/usr/local/bin", *os.environ.get("PATH", os.defpath).split(os.pathsep)]
    elsewhere = [folder for folder in folders if Path(folder) != OWN_PLUGIN.parent]
    return shutil.which(OWN_PLUGIN.name, path=os.pathsep.join(elsewhere)) or str(OWN_PLUGIN)


def give_up(sentence: str) -> NoReturn:
    """End the run with one line.

    An exception would be shown as warnings of every inventory plugin that was tried, with the sentence among them.
    """
    playbook = Path(sys.argv[0]).name == "ansible-playbook"
    file = sys.stdout if playbook else sys.stderr
    # In the middle of a run, a line that lives may stand there.
    erase = "\r\033[K" if file.isatty() else ""
    print(f"{erase}ERROR: {' '.join(sentence.split())}", file=file, flush=True)
    raise SystemExit(1)
