"""`sshprobe completion`: the script that lets a shell complete commands, options and their values."""

from __future__ import annotations

import click

VARIABLE = "_SSHPROBE_COMPLETE"
"""The script sets it when the shell requests completions; click then answers instead of the command."""


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a completion script for a shell.

    \b
    ~/.bashrc:                   eval "$(sshprobe completion bash)"
    ~/.zshrc, below compinit:    eval "$(sshprobe completion zsh)"
    ~/.config/fish/config.fish:  sshprobe completion fish | source
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(context.find_root().command, {}, "sshprobe", VARIABLE).source())
