"""The lines of an ssh_config, split as by OpenSSH's client (readconf.c and misc.c of OpenSSH 9.2 and 10.3).

As in ssh, an unknown keyword, a missing argument and an extra one are errors. So a file that is not an ssh_config fails
before it has named many hosts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from sshprobe.targets.inventories.patterns import in_pattern_list
from sshprobe.targets.inventories.source import Source
from sshprobe.targets.specification import quote

_REST_OF_LINE = frozenset({"proxycommand", "proxyjump", "localcommand", "remotecommand", "knownhostscommand"})
"""Keywords whose argument is the rest of the line, with comments and quotes."""

_ANY_NUMBER_TEXT = """
host match include canonicaldomains canonicalizepermittedcnames channeltimeout globalknownhostsfile
userknownhostsfile ipqos localforward remoteforward dynamicforward permitremoteopen logverbose rekeylimit sendenv
setenv hostkeyalgorithms ciphers macs kexalgorithms versionaddendum refuseconnection
"""
_ANY_NUMBER = frozenset(_ANY_NUMBER_TEXT.split())
"""Keywords that take several arguments, at least in some version."""

_ONE_TEXT = """
addkeystoagent addressfamily batchmode bindaddress bindinterface canonicalizefallbacklocal canonicalizehostname
canonicalizemaxdots casignaturealgorithms certificatefile challengeresponseauthentication checkhostip
clearallforwardings compression connectionattempts connecttimeout controlmaster controlpath controlpersist
dsaauthentication enableescapecommandline enablesshkeysign escapechar exitonforwardfailure fingerprinthash
forkafterauthentication forwardagent forwardx11 forwardx11timeout forwardx11trusted gatewayports
gssapiauthentication gssapidelegatecredentials hashknownhosts hostbasedacceptedalgorithms hostbasedauthentication
hostbasedkeytypes hostkeyalias hostname identitiesonly identityagent identityfile identityfile2 ignoreunknown
kbdinteractiveauthentication kbdinteractivedevices keepalive loglevel nohostauthenticationforlocalhost
numberofpasswordprompts obscurekeystroketiming passwordauthentication permitlocalcommand pkcs11provider port
preferredauthentications proxyusefdpass pubkeyacceptedalgorithms pubkeyacceptedkeytypes pubkeyauthentication
requesttty requiredrsasize revokedhostkeys securitykeyprovider serveralivecountmax serveraliveinterval sessiontype
skeyauthentication smartcarddevice stdinnull streamlocalbindmask streamlocalbindunlink stricthostkeychecking
syslogfacility tag tcpkeepalive tisauthentication tunnel tunneldevice updatehostkeys user verifyhostkeydns
visualhostkey warnweakcrypto xauthlocation
"""
_ONE = frozenset(_ONE_TEXT.split())

_IGNORED_TEXT = """
protocol cipher fallbacktorsh globalknownhostsfile2 rhostsauthentication userknownhostsfile2 useroaming usersh
useprivilegedport afstokenpassing kerberosauthentication kerberostgtpassing rsaauthentication
rhostsrsaauthentication compressionlevel
gssapikeyexchange gssapiclientidentity gssapiserveridentity gssapitrustdns gssapirenewalforcesrekey
gssapikexalgorithms usekeychain
"""
_IGNORED = frozenset(_IGNORED_TEXT.split())
"""Keywords of earlier versions, then those of Debian, Fedora and macOS."""

KEYWORDS = _REST_OF_LINE | _ANY_NUMBER | _ONE | _IGNORED

_BLANKS = " \t\r\n"
_FIRST_END = re.compile(r'[ \t\r\n"=]')


class Setting(msgspec.Struct, frozen=True):
    """One line: its keyword in lower case, its arguments without quotes, and the text after the keyword."""

    line: int
    keyword: str
    arguments: list[str]
    rest: str


def read_settings(source: Source) -> Iterator[Setting]:
    """Yield the settings of an ssh_config.

    Raises:
        InputError: `ssh` would end at a line; the message names it.
    """
    ignored: str | None = None
    for number, line in source.lines():
        keyword, rest = split_keyword(line)
        if not keyword:
            raise source.error("is not a setting of an ssh_config: it begins with no keyword", number)
        if keyword not in KEYWORDS:
            if ignored is not None and in_pattern_list(keyword, ignored.lower()):
                continue
            words = f"{quote(keyword)} is not a keyword of ssh_config: ssh ends here too"
            raise source.error(f"{words}, unless `IgnoreUnknown` names it before", number)
        if not rest:
            raise source.error(f"`{keyword}` has no argument", number)
        try:
            arguments = split_arguments(rest)
        except ValueError:
            raise source.error(f"`{keyword}` has a quote that does not end", number) from None
        if keyword in _REST_OF_LINE:
            yield Setting(number, keyword, [rest], rest)
        if keyword in _IGNORED or keyword in _REST_OF_LINE:
            continue
        _check(source, number, keyword, arguments)
        if keyword == "ignoreunknown" and ignored is None:
            ignored = arguments[0]
        yield Setting(number, keyword, arguments, rest)


def _check(source: Source, number: int, keyword: str, arguments: list[str]) -> None:
    if not arguments or "" in arguments[:1]:
        raise source.error(f"`{keyword}` has no argument", number)
    if keyword == "host" and "" in arguments:
        raise source.error("`host` has an empty argument", number)
    if keyword in _ONE and len(arguments) > 1:
        words = f"`{keyword}` has an extra argument, {quote(arguments[1])}: ssh ends here too"
        raise source.error(words, number)


def split_keyword(line: str) -> tuple[str, str]:
    """Return the keyword in lower case and the rest. Between them are blanks and at most one "="."""
    line = line.strip(_BLANKS + "\f")
    if line.startswith('"'):
        keyword, _, rest = line[1:].partition('"')
        return keyword.lower(), rest.strip(_BLANKS)
    end = _FIRST_END.search(line)
    if end is None:
        return line.lower(), ""
    keyword, rest = line[: end.start()], line[end.start() :]
    rest = rest.lstrip(_BLANKS)
    if rest.startswith("="):
        rest = rest[1:].lstrip(_BLANKS)
    return keyword.lower(), rest


def split_arguments(text: str) -> list[str]:
    """Split words like `argv_split` of OpenSSH's misc.c: a word that begins with "#" ends the line.

    Raises:
        ValueError: a quote does not end.
    """
    if not any(character in text for character in "\"'\\"):
        words = text.replace("\t", " ").split(" ")
        words = [word for word in words if word]
        comment = next((index for index, word in enumerate(words) if word.startswith("#")), len(words))
        return words[:comment]
    words = []
    position, end = 0, len(text)
    while position < end:
        if text[position] in " \t":
            position += 1
            continue
        if text[position] == "#":
            break
        word: list[str] = []
        quoted = ""
        while position < end:
            character = text[position]
            following = text[position + 1 : position + 2]
            if character == "\\" and following and (following in "'\"\\" or (not quoted and following == " ")):
                word.append(following)
                position += 1
            elif not quoted and character in " \t":
                break
            elif not quoted and character in "\"'":
                quoted = character
            elif character == quoted:
                quoted = ""
            else:
                word.append(character)
            position += 1
        if quoted:
            raise ValueError("no closing quote")
        words.append("".join(word))
    return words


def split_criteria(text: str) -> list[str]:
    """Return the words after `Match`, separated by blanks or one "=" and stripped of double quotes.

    Raises:
        ValueError: a quote does not end.
    """
    words: list[str] = []
    rest = text.strip(_BLANKS)
    while rest:
        end = _FIRST_END.search(rest)
        if end is None:
            words.append(rest)
            break
        at = end.start()
        if rest[at] == '"':
            inner, closing, behind = rest[at + 1 :].partition('"')
            if not closing:
                raise ValueError("no closing quote")
            words.append(rest[:at] + inner)
            rest = behind.lstrip(_BLANKS)
            continue
        words.append(rest[:at])
        rest = rest[at:].lstrip(_BLANKS)
        if rest.startswith("="):
            rest = rest[1:].lstrip(_BLANKS)
    return words


def looks_like_config(lines: Sequence[str]) -> bool:
    """Return whether stripped lines are those of an ssh_config.

    They have a block and a setting, and most begin with a keyword. One keyword is not enough: any text can have a line
    that begins with "Host" or "User".
    """
    significant = [line for line in lines if line and not line.startswith("#")]
    keywords = [split_keyword(line)[0] for line in significant]
    known = [keyword for keyword in keywords if keyword in KEYWORDS]
    blocks = sum(keyword in ("host", "match", "include") for keyword in known)
    return bool(blocks) and len(known) > blocks and 3 * len(known) >= 2 * len(keywords)
