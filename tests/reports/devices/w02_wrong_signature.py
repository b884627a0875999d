"""Signs data other than the exchange hash: argv[2] is "gex" (in a group exchange only), "once" (the first time),
"always"."""
from odd import *
WHEN = sys.argv[2] if len(sys.argv) > 2 else "gex"
class Device(Server):
    banner = b"SSH-2.0-WrongHash_1.0"
    kex = ["diffie-hellman-group-exchange-sha256"] + (["curve25519-sha256"] if WHEN == "gex" else [])
    keys = ["rsa-sha2-256", "ssh-ed25519"] if WHEN == "gex" else ["ssh-ed25519"]
    if WHEN != "gex": kex = ["curve25519-sha256"]
    def signature(self, alg, h):
        wrong = {"gex": hasattr(self, "in_gex"), "once": self.number == 1, "always": True}[WHEN]
        return super().signature(alg, hashlib.sha256(h).digest()[:len(h)] if wrong else h)
    async def gex(self, req, alg, blob):
        self.in_gex = True
        await super().gex(req, alg, blob)
run(Device)
