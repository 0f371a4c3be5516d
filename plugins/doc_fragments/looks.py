"""What the pages of modules that only look have in common."""

from __future__ import annotations


class ModuleDocFragment:
    """The fragment."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode; it changes nothing anyway.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
"""
