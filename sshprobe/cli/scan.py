"""`sshprobe scan`: probe and grade."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from sshprobe.cli.exit_codes import exit_code
from sshprobe.cli.options.config_file import named_config_file
from sshprobe.cli.options.grading import GradingOptions, grading_options, load_profiles
from sshprobe.cli.options.history import history_option
from sshprobe.cli.options.notify import notify_option
from sshprobe.cli.options.output import OutputOptions, fix_format, output_options
from sshprobe.cli.options.probing import probing_options
from sshprobe.cli.options.saved_options import SAVED_AS, NewTable, SavableCommand, saved_options
from sshprobe.cli.options.targets import ChosenTargets, target_options
from sshprobe.cli.options.values import FILE, SECONDS, PositiveNumber, WholeNumber
from sshprobe.cli.output_file import BLOCKS_UP_TO, format_of, lock_output, note, refuse_inputs
from sshprobe.cli.report_writer import check_format
from sshprobe.cli.run import Ending, affordable, fit_to_limits, new_run, usable_workers
from sshprobe.cli.standard_streams import standard_input, terminal
from sshprobe.cli.tracing import TraceOptions, refuse_trace, trace_options, tracing
from sshprobe.model.errors import InputError, MachineError
from sshprobe.render.formats import WRITERS, format_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sshprobe.scan.settings import ScanSettings
    from sshprobe.scan.sinks import Sink
    from sshprobe.targets import Target


@click.command(cls=SavableCommand)
@target_options
@grading_options
@probing_options
@click.option(
    "--workers",
    type=WholeNumber(1, 256),
    metavar="N",
    help="Scan in N processes; 1 for host names.  [default: one per core for large scans, else 1]",
)
@output_options
@click.option("--skip-silent", is_flag=True, help="Count hosts that accept no connection, but write no record of them.")
@click.option(
    "--resume", type=FILE, metavar="FILE", help="Continue the scan in FILE; hosts already in FILE are skipped."
)
@history_option("Keep the results in a database too: `default`, a file, or postgresql://USER@HOST/NAME.")
@click.option(
    "--history-days",
    type=PositiveNumber("days", 36_500),
    metavar="DAYS",
    help="Remove scans older than DAYS from the history after this scan.",
)
@click.option("--spool", type=FILE, metavar="FOLDER", help="Keep scans in FOLDER while the history cannot be written.")
@notify_option("Send changes, or a summary, to the URLs in FILE, or `env`: in SSHPROBE_NOTIFY_URL.")
@trace_options
@click.option("--stats", type=SECONDS, metavar="SECONDS", help="Print a progress line every SECONDS, for logs.")
@click.option("--no-progress", is_flag=True, envvar="NO_PROGRESS", help="Print no progress on standard error.")
@saved_options
def scan(
    chosen: ChosenTargets,
    grading: GradingOptions,
    settings: ScanSettings,
    written: OutputOptions,
    traced: TraceOptions,
    workers: int | None,
    skip_silent: bool,
    resume: str | None,
    history: str | None,
    history_days: float | None,
    spool: str | None,
    notify: str | None,
    stats: float | None,
    no_progress: bool,
    save_as: str | None,
) -> int:
    """Probe SSH servers and grade them.

    TARGET is a host, host:port, [v6]:port, a network (10.0.0.0/24), a range (10.0.0.5-9, 10.0.1-5.*), or - for a
    stream of targets on standard input. All targets except a stream are checked before the first connection.
    """
    import msgspec

    from sshprobe.cli.output import open_output
    from sshprobe.cli.progress import SweepProgress
    from sshprobe.cli.sweep_header import sweep_header, sweep_settings
    from sshprobe.model.observation import endpoint
    from sshprobe.targets import LiveTargets

    if chosen.is_stream:
        chosen.check_stream(resume)
    context = click.get_current_context()
    saved, config = context.meta.get(SAVED_AS), named_config_file()
    if saved is not None and config is not None and not chosen.count_only:
        from sshprobe.cli.saved_run import only_run

        context.with_resource(only_run(config, saved))
    verbose = written.verbose or traced.steps
    is_restored = resume is not None and not chosen.any_named
    if resume is not None:
        from sshprobe.cli.resume import (
            check_resumed_file,
            described,
            note_foreign_hosts,
            note_other_version,
            read_resumed,
            resumed_options,
        )

        check_resumed_file(resume, written.output, written.format_)
        written = written._replace(output=None)
        if chosen.count_only:
            raise click.UsageError("`--count` counts all targets, those in `--resume` too: omit one of them")
        lock_output(resume)
        chosen, settings, grading = resumed_options(resume, context, chosen, settings, grading)
    output, profiles = written.output, load_profiles(grading.profile_names)
    fixes, format_ = fix_format(written, profiles, verbose=verbose)
    inputs = (*chosen.names_of_files(), *grading.profile_names)
    refuse_inputs(output, inputs)
    refuse_trace(traced.trace, output or resume)
    refuse_inputs(traced.trace, inputs, option="--trace")
    if output is not None and format_ is None:
        format_ = format_of(output)
    check_format(format_, output)
    if not chosen.count_only and (save_as is None or chosen.any_named):
        lock_output(output)
        lock_output(traced.trace)
    new_table = None if save_as is None else NewTable(context, save_as)
    if new_table is not None and not chosen.any_named:
        chosen.check()
        chosen.exclusions(stdin=standard_input())
        new_table.write()
        return 0
    follows = traced.steps or traced.trace is not None
    stream, exclusions = chosen.read(stdin=standard_input(), takes_names=workers in (None, 1) or follows)
    live = stream if isinstance(stream, LiveTargets) else None
    if new_table is not None:
        new_table.write()
    if chosen.count_only and not isinstance(stream, LiveTargets):
        click.echo(stream.count(exclusions))
        return 0
    settings = msgspec.structs.replace(settings, profiles=tuple(profiles), strict=grading.strict, exclude=exclusions)
    asked = sweep_settings(chosen, grading.profile_names, settings, skip_silent=skip_silent)
    workers = affordable(usable_workers(workers, stream, follows=follows))
    settings, notice = fit_to_limits(settings, workers)
    context.with_resource(tracing(to_stderr=traced.steps, file=traced.trace, format_=traced.log_format))
    kept = None
    for option, value in (("--history-days", history_days), ("--spool", spool)):
        if history is None and value is not None:
            raise click.UsageError(f"`{option}` needs `--history`")
    if history is not None:
        from sshprobe.cli.history_sink import HistorySink

        kept = HistorySink(history, history_days, spool)
        context.call_on_close(kept.close)
    notifier = None
    if notify is not None:
        from sshprobe.cli.notifying import ScanNotifier

        notifier = ScanNotifier(notify, history)
    run = new_run(settings, workers, stream.total)
    only = "" if isinstance(stream, LiveTargets) else endpoint(stream.at(0).host, stream.at(0).port)
    progress = SweepProgress(run.progress, total=stream.total, only=only, wanted=not no_progress, stats=stats)
    if live is not None:
        live.note = lambda words: progress.say(f"note: {words}")
    done = None
    if resume is not None and not isinstance(stream, LiveTargets):
        done = read_resumed(resume, profiles, strict=settings.strict, all_addresses=settings.all_addresses)
        before = None if done.header is None else done.header.settings
        skip_silent = skip_silent or (before is not None and before.skip_silent)
        if is_restored:
            note(f"{resume} is resumed with {described(chosen)}")
        note_other_version(done)
        progress.held = note_foreign_hosts(done, stream)
    elif output is None and history is None and format_ in (None, "table") and fixes is None and stream.total != 1:
        note("only the table will remain of this scan: add `-o FILE` to keep the records")
    elif output is not None and history is None and format_ in format_names(WRITERS):
        note(f"{output} cannot be graded again: to keep the records, scan with `-o FILE.jsonl`, then use `report`")
    header = sweep_header(profiles, strict=settings.strict, seed=stream.seed, settings=asked, saved=saved)
    followers: list[Sink] = [each for each in (kept, notifier) if each is not None]
    for follower in followers:
        follower.header(header if done is None or done.header is None else done.header)
    with open_output(
        "jsonl" if resume is not None else format_,
        output if resume is None else resume,
        terminal=terminal(),
        profiles=profiles,
        thresholds=grading.thresholds,
        strict=settings.strict,
        verbose=verbose,
        blocks=None if stream.total is None else stream.total <= BLOCKS_UP_TO,
        keep=None if done is None else done.kept,
        pause=progress.pause,
        fix=fixes,
        quiet=written.quiet,
        again="sshprobe scan",
        resumable=True,
        skip_silent=skip_silent,
        several=stream.total != 1,
        followers=followers,
    ) as sinks:
        if notice:
            progress.say(notice)
        if done is None or not done.size:
            sinks.header(header)
        else:
            done.replay(sinks.replay)
            sinks.counting.counts.silent.update(done.silent)
        sinks.counting.counts.skip_silent = skip_silent
        start = time.monotonic()
        left: Iterator[Target] | LiveTargets
        if isinstance(stream, LiveTargets):
            left = stream
        else:
            left = (target for target in stream if done is None or (target.host, target.port) not in done)
        failure: Exception | None = None
        try:
            with progress.showing(sinks.counting.counts):
                ending = run.run(left, sinks, progress.say)
        except MachineError as error:  # the records so far are saved
            ending, failure = Ending(interrupted=True, complete=False), error
        except (InputError, OSError):  # nothing can be written, or there is no reader
            raise
        except Exception as error:
            ending, failure = Ending(interrupted=True, complete=False), error
        duration_ms = (time.monotonic() - start) * 1000 + (0 if done is None else done.duration_ms)
        sinks.finish(duration_ms=round(duration_ms, 3), interrupted=not ending.complete)
    for words in () if live is None else live.summary():
        note(words)
    if failure is not None:
        raise failure
    if kept is not None:
        kept.check()
    if notifier is not None:
        notifier.send()
    return exit_code(
        interrupted=ending.interrupted,
        graded=sinks.counting.graded,
        failed=sinks.fail_on.is_reached,
        bad_lines=0 if live is None else live.bad_lines,
    )
