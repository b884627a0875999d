"""The JSON objects of a file, one by one: lines, the elements of an array, or one large object."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from sshprobe.targets.inventories.source import Source

_CHUNK = 65_536
_LARGEST = 2**26
"""Characters of one object: an inventory of 100,000 hosts of Ansible."""
_BETWEEN = re.compile(r"[\s,]*")
_FINISHED = re.compile(r"\{\s*finished\s*:\s*1\s*\}")
"""The end of a list of masscan up to 1.0.4. It is not JSON, and the comma before it must not be an error."""


def json_objects(source: Source) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line, object). Objects may follow one another or be the elements of one array; extra commas are ignored.

    The file is read in chunks. If it is cut off because a scanner was interrupted, its complete objects are read, and a
    remark is added.

    Raises:
        InputError: a value is not a JSON object, or the array is cut off.
    """
    text = source.text()
    decoder = json.JSONDecoder()
    buffer, position, line, in_array, closed = "", 0, 1, False, False
    any_whole = False
    while True:
        skipped = _BETWEEN.match(buffer, position)
        assert skipped is not None
        line += buffer.count("\n", position, skipped.end())
        position = skipped.end()
        if position == len(buffer):
            buffer, position = text.read(_CHUNK), 0
            if not buffer:
                break
        elif closed:
            raise source.error('is not JSON: something follows its "]"', line)
        elif buffer[position] == "[" and not in_array:
            in_array, position = True, position + 1
        elif buffer[position] == "]" and in_array:
            closed, position = True, position + 1
        elif finished := _FINISHED.match(buffer, position):
            position = finished.end()
        else:
            try:
                value, end = decoder.raw_decode(buffer, position)
            except json.JSONDecodeError as error:
                if len(buffer) - position > _LARGEST:
                    words = f"is not JSON that can be read: an object has more than {_LARGEST // 2**20} MiB"
                    raise source.error(words, line) from None
                # Double the buffer, so that an object as large as the file is parsed a few times, not a thousand times.
                more = text.read(max(_CHUNK, len(buffer) - position))
                if not more and any_whole and _is_cut_off(buffer, error):
                    source.remarks.append(f"is cut off in line {line}: only the objects before that are read")
                    return
                if not more:
                    at = line + buffer[position : error.pos].rstrip().count("\n")  # the line of the last byte
                    raise source.error(f"is not JSON: {error.msg[:1].lower()}{error.msg[1:]}", at) from None
                buffer, position = buffer[position:] + more, 0
                continue
            except (RecursionError, ValueError):  # a ValueError is a number of thousands of digits
                raise source.error("is not JSON that can be read: it is nested too deeply or too large", line) from None
            if not isinstance(value, dict):
                way = ": `jq -r '.[]' FILE | sshprobe scan -` takes a list of hosts" if isinstance(value, str) else ""
                raise source.error(f"is not an inventory: a JSON object belongs here{way}", line)
            any_whole = True
            yield line, value
            line += buffer.count("\n", position, end)
            position = end
    if in_array and not closed and any_whole:
        source.remarks.append('is cut off: its "]" is missing')
    elif in_array and not closed:
        raise source.error('is cut off: its "]" is missing', line)


def _is_cut_off(buffer: str, error: json.JSONDecodeError) -> bool:
    """Return whether only the end of an object is missing."""
    rest = buffer[error.pos :].strip()
    return error.msg.startswith("Unterminated string") or any(
        word.startswith(rest) for word in ("true", "false", "null")
    )
