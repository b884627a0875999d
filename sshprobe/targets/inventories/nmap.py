"""nmap's XML (`nmap -oX`; the elements as in nmap.dtd of nmap 7.93), and masscan's, which names every open TCP port.

Targets are the open TCP ports that nmap calls ssh, by their number or by `-sV`, and open ports of the scan. Other open
ports are left out: an identification string can harm a database or a printer. A host that is up and whose ports were
not scanned (`-sn`) is a target without a port.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from sshprobe.model.escape import escape_text
from sshprobe.targets.inventories.source import NOT_OPEN, Source
from sshprobe.targets.specs import HostSpec, Spec

_CHUNK = 65_536
_LONGEST_TAG = 2**22
SSH_SERVICES = frozenset({"ssh", "netconf-ssh"})
"""The names of SSH in nmap-services of nmap 7.93 (22/tcp and 830/tcp) and in its version scan."""
OTHER_PORTS = "open ports that nmap does not call ssh (name them with `-p`)"


_ENDS_EARLY = frozenset(
    expat.errors.codes[words]
    for words in (
        *(expat.errors.XML_ERROR_NO_ELEMENTS, expat.errors.XML_ERROR_UNCLOSED_TOKEN),
        *(expat.errors.XML_ERROR_PARTIAL_CHAR, expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION),
    )
)


def read(source: Source) -> Iterator[Spec]:
    """Yield the targets of an nmap report, as it is read."""
    parser = expat.ParserCreate("utf-8" if source.is_converted else None)
    handler = _Handler(source, parser)
    ended = False
    fed = 0
    while not ended:
        data = source.stream.read(_CHUNK)
        ended = not data
        fed += len(data)
        if fed - max(parser.CurrentByteIndex, 0) > _LONGEST_TAG:  # it is parsed again with every chunk
            words = f"is not XML that can be read: a tag has more than {_LONGEST_TAG // 2**20} MiB"
            raise source.error(words, parser.CurrentLineNumber)
        try:
            parser.Parse(data, ended)
        except expat.ExpatError as error:
            if ended and error.code in _ENDS_EARLY:  # nmap was interrupted: its finished hosts are whole
                source.remarks.append(f"is cut off in line {error.lineno}: only the hosts before that are read")
                return
            raise source.error(f"is not XML: {expat.ErrorString(error.code)}", error.lineno) from None
        yield from handler.found
        handler.found.clear()


@dataclass(slots=True)
class _Host:
    line: int
    up: bool = True
    address: str | None = None
    name: str | None = None
    scanned: bool = False
    ports: list[tuple[str, str | None]] = field(default_factory=list)
    """Open TCP ports and the service that nmap names."""


class _Handler:
    """Collects the targets of the hosts whose elements have ended."""

    def __init__(self, source: Source, parser: expat.XMLParserType) -> None:
        self.found: list[HostSpec] = []
        self._source = source
        self._parser = parser
        self._rooted = False
        self._is_masscan = False
        self._host: _Host | None = None
        self._open_port: str | None = None
        self._service: str | None = None
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        # Nothing is fetched. Entities, which can grow without limit, are refused: nmap declares none.
        parser.StartDoctypeDeclHandler = self._doctype
        parser.EntityDeclHandler = self._declaration

    def _doctype(self, _name: str, _system: str | None, _public: str | None, has_declarations: bool | int) -> None:
        if has_declarations:
            self._declaration()

    def _declaration(self, *_: object) -> None:
        line = self._parser.CurrentLineNumber
        raise self._source.error("declares entities or elements of its own, which nmap does not", line)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._rooted:
            self._rooted = True
            if name != "nmaprun":
                raise self._source.error(
                    f"is not nmap XML: it begins with <{escape_text(name[:40])}>", self._parser.CurrentLineNumber
                )
            self._is_masscan = attributes.get("scanner") == "masscan"
        if name == "host":
            self._host = _Host(self._parser.CurrentLineNumber)
            return
        host = self._host
        if host is None:
            return
        if name == "status":
            host.up = attributes.get("state") == "up"
        elif name == "address" and attributes.get("addrtype") in ("ipv4", "ipv6"):
            host.address = host.address or attributes.get("addr", "")
        elif name == "hostname" and attributes.get("type") == "user":
            host.name = host.name or attributes.get("name")
        elif name == "ports":
            host.scanned = True
        elif name == "port":
            self._open_port = attributes.get("portid", "") if attributes.get("protocol") == "tcp" else None
            self._service = None
        elif name == "state" and attributes.get("state") != "open":
            self._open_port = None
        elif name == "service":
            self._service = attributes.get("name")

    def _end(self, name: str) -> None:
        host = self._host
        if host is None:
            return
        if name == "port" and self._open_port is None and self._is_masscan:
            self._source.left_out[NOT_OPEN] += 1
        elif name == "port" and self._open_port is not None:
            host.ports.append((self._open_port, self._service))
            self._open_port = None
        elif name == "host":
            self._host = None
            if host.up:
                self._targets(host)

    def _targets(self, host: _Host) -> None:
        if not host.scanned:
            self.found.append(self._source.host(host.address, text=host.name, line=host.line))
        for port, service in host.ports:
            spec = self._source.host(host.address, port, text=host.name, line=host.line)
            if self._is_masscan or service in SSH_SERVICES or spec.port in self._source.ports:
                self.found.append(spec)
            else:
                self._source.left_out[OTHER_PORTS] += 1
