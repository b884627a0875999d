"""A program: an SSH server of Twisted Conch that refuses every login. It imports nothing of sshprobe.

Arguments: address, port, and the files of private host keys.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.conch.ssh.factory import SSHFactory
from twisted.conch.ssh.keys import Key
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ISSHPrivateKey, IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import Portal
from twisted.internet import defer, reactor
from zope.interface import implementer


@implementer(ICredentialsChecker)
class Nobody:
    """Refuses everyone, by password and by key."""

    credentialInterfaces = (IUsernamePassword, ISSHPrivateKey)

    def requestAvatarId(self, credentials: object) -> Any:
        """Fail."""
        return defer.fail(UnauthorizedLogin())


class Factory(SSHFactory):
    """Prints a line for each connection."""

    def buildProtocol(self, address: object) -> Any:
        """Print the line and serve the connection."""
        print("lab: connection", flush=True)
        return super().buildProtocol(address)


def main(host: str, port: str, *files: str) -> None:
    """Serve until the end of the process."""
    keys = [Key.fromFile(file) for file in files]
    factory = Factory()
    factory.privateKeys = {key.sshType(): key for key in keys}
    factory.publicKeys = {key.sshType(): key.public() for key in keys}
    factory.portal = Portal(None, [Nobody()])
    listener = reactor
    listener.listenTCP(int(port), factory, interface=host)
    print("lab: listening", flush=True)
    listener.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
