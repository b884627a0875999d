"""`-vv`, `--trace FILE` and `--log-format`: every step and packet of a host, for people or as JSON lines."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import NamedTuple

import click

from sshprobe.cli.options.values import FILE, Command, add_together
from sshprobe.model import timestamps
from sshprobe.model.errors import InputError
from sshprobe.model.observation import endpoint

LOGGER = "sshprobe.trace"
"""The logger of `sshprobe.probe.trace`, which only a scan imports."""


class TraceOptions(NamedTuple):
    """The values of these options."""

    steps: bool
    trace: str | None
    log_format: str


_OPTIONS = (
    click.option("-vv", "steps", is_flag=True, help="Show also every step and packet, on standard error."),
    click.option("--trace", type=FILE, metavar="FILE", help="Write every step and packet of each host to FILE."),
    click.option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="Set the format of -vv and --trace.",
    ),
)


def trace_options(command: Command) -> Command:
    """Add them all, and give `command` their values as `traced`, one `TraceOptions`."""
    return add_together(command, _OPTIONS, name="traced", parameters=TraceOptions._fields, make=TraceOptions)


class TextFormatter(logging.Formatter):
    """One line for people: the host, seconds since its probe began, and what happened."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        place = endpoint(getattr(record, "host", "?"), getattr(record, "port", 0))
        return f"{place} {getattr(record, 'elapsed', 0.0):8.3f}  {record.getMessage()}"


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, host, port, elapsed, message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields = {
            "time": timestamps.encode(datetime.fromtimestamp(record.created, UTC)),
            "host": getattr(record, "host", None),
            "port": getattr(record, "port", None),
            "elapsed": getattr(record, "elapsed", None),
            "message": record.getMessage().strip(),
        }
        import json  # only for a trace

        return json.dumps(fields)


class TraceFile(logging.FileHandler):
    """The file of `--trace`. After the first write error it writes no more lines, and the scan continues."""

    error: OSError | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        if self.error is None:
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Remember the error. logging itself would print a traceback for each line."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            raise
        self.error = error

    def close(self) -> None:
        """Flush and close."""
        try:
            super().close()
        except OSError as error:
            self.error = self.error or error


def refuse_trace(trace: str | None, records: str | None) -> None:
    """Raise an error if the trace would replace records of this scan or another.

    Raises:
        click.UsageError: if both have the same name.
        InputError: if the file has records.
    """
    if trace is None:
        return
    from sshprobe.store.backups import holds_sweep

    if records is not None and os.path.realpath(trace) == os.path.realpath(records):
        raise click.UsageError("`--trace` and the records need a file each")
    if holds_sweep(trace):
        raise InputError("has records, which a trace would replace: name another file with `--trace`", source=trace)


@contextmanager
def tracing(*, to_stderr: bool, file: str | None, format_: str) -> Iterator[None]:
    """Log every step to standard error, to a file, or both.

    Raises:
        InputError: if the file cannot be opened or, at the end of the block, was not written in full.
    """
    if not to_stderr and file is None:
        yield
        return
    logger = logging.getLogger(LOGGER)
    written: TraceFile | None = None
    formatter = JsonFormatter() if format_ == "json" else TextFormatter()
    with ExitStack() as stack:
        handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)] if to_stderr else []
        if file is not None:
            try:
                written = TraceFile(file, mode="w", encoding="utf-8", errors="backslashreplace")
            except OSError as error:
                raise InputError(f"cannot be written: {error.strerror}", source=file) from None
            stack.callback(written.close)
            handlers.append(written)
        level, propagate = logger.level, logger.propagate
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
        for handler in handlers:
            handler.setFormatter(formatter)
            logger.addHandler(handler)
            stack.callback(logger.removeHandler, handler)
        try:
            yield
        finally:
            logger.setLevel(level)
            logger.propagate = propagate
    if written is not None and written.error is not None:
        raise InputError(f"cannot be written: {written.error.strerror}, so the trace is incomplete", source=file)
