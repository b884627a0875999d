"""Run a target under atheris: `python -m fuzz.run TARGET [CORPUS] [libFuzzer options]`.

    python -m fuzz.run fuzz_transport .fuzz/transport -runs=1000000

TARGET is a module of this folder. Its seeds are written into CORPUS first; without a CORPUS the run starts from them
in a folder that is removed at the end.
"""

from __future__ import annotations

import hashlib
import importlib
import sys
import tempfile
from pathlib import Path

TARGETS = ("fuzz_blobs", "fuzz_transport", "fuzz_ciphers")


def main(arguments: list[str]) -> int:
    import atheris

    if not arguments or arguments[0] not in TARGETS:
        print(f"usage: python -m fuzz.run {'|'.join(TARGETS)} [CORPUS] [libFuzzer options]", file=sys.stderr)
        return 2
    with atheris.instrument_imports(include=["sshprobe.wire"], enable_loader_override=False):
        target = importlib.import_module(f"fuzz.{arguments[0]}")
    folders = [Path(word) for word in arguments[1:] if not word.startswith("-")]
    options = [word for word in arguments[1:] if word.startswith("-")]
    with tempfile.TemporaryDirectory(prefix="sshprobe-fuzz-") as temporary:
        corpus = folders[0] if folders else Path(temporary)
        corpus.mkdir(parents=True, exist_ok=True)
        for seed in target.seeds():
            (corpus / hashlib.sha1(seed, usedforsecurity=False).hexdigest()).write_bytes(seed)
        atheris.Setup([arguments[0], *options, str(corpus)], target.one_input)
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
