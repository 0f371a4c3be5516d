#!/usr/bin/python
"""Shows how far members are that load data; this is its documentation, plugins/action has what runs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: federation_load_progress
short_description: Show how far members are that load data
description:
  - Reads what M(agraph_load) puts under the URL that it is given for each member, until all members have ended, and
    writes one line for a person into the file that the environment's C(FEDERATION_PROGRESS_FILE) names. Without such a
    file it ends at once.
  - Nothing depends on it. A member that says nothing any more is not waited for.
  - It goes by signed URLs and runs in Ansible's own process for the task. It is there for as long as members load, and
    another process, or boto3, would need more memory than all that it does.
version_added: 0.1.0
options:
  members:
    description: The members that load.
    required: true
    type: list
    elements: dict
    suboptions:
      index:
        description: The member's number.
        required: true
        type: int
      bytes:
        description: How many bytes it is to fetch.
        default: 0
        type: int
      url:
        description: Where its report can be read, one of M(presigned_objects_info)'s C(downloads).
        required: true
        type: str
  silence:
    description: After how many seconds without anything new a member is not waited for.
    default: 60
    type: float
  timeout:
    description: How long to watch, in seconds.
    default: 3600
    type: int
extends_documentation_fragment: [looks]
author: [agraph-federation]
"""

EXAMPLES = r"""
- name: Show how far the members are
  federation_load_progress:
    members:
      - {index: 0, bytes: 1000000, url: "{{ reports.downloads['load/progress/0'] }}"}
"""

RETURN = r"""
ended:
  description: The numbers of the members that were seen to end.
  returned: success
  type: list
  elements: int
"""
