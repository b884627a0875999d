"""The options of a command with many of them, under headings: what matters to most people first."""

from __future__ import annotations

from collections.abc import Mapping

import click

HEADINGS: Mapping[str, tuple[str, ...]] = {
    "Most used": ("files", "profile_names", "output", "fix", "thresholds", "depth", "fast", "verbose", "quiet"),
    "What to scan": (
        *("ports", "inventories", "inventory_format", "records", "statuses", "grades"),
        *("exclude", "exclude_files", "ipv4", "ipv6", "all_addresses", "count_only", "seed", "yes"),
    ),
    "Probing and grading": ("no_auth_methods", "auth_user", "client_id", "strict"),
    "How fast": (
        *("concurrency", "rate", "workers"),
        *("connect_timeout", "timeout", "host_timeout", "throttle_wait"),
    ),
    "Output": (
        "format_",
        "resume",
        "history",
        "stats",
        "no_progress",
        "steps",
        "trace",
        "log_format",
        "color",
        "debug",
    ),
    "Saved options": ("saved", "save_as"),
}
"""Heading to the names of its options' parameters, in this order. What no heading has comes at the end."""

REST = "Other options"


class GroupedHelp(click.Command):
    """A command whose help has `HEADINGS`."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options."""
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        left = {str(option.name): option.get_help_record(ctx) for option in options}
        for heading, names in {**HEADINGS, REST: tuple(left)}.items():
            rows = [row for name in names if (row := left.pop(name, None)) is not None]
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)
