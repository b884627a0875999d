"""Has a group exchange that closes the connection for sizes refused by argv[2]; "only" as argv[3]: no other
exchange."""
from odd import *
LIKES = {
    "min3072": lambda least, n, most: least >= 3072,
    "n4096": lambda least, n, most: n >= 4096,
    "max4096": lambda least, n, most: 2048 <= n and most <= 4096,
    "rsa": lambda least, n, most: n >= 2048,
}
class Device(Server):
    banner = b"SSH-2.0-Sizes_1.0"
    kex = ["diffie-hellman-group-exchange-sha256"] + (["curve25519-sha256"] if "only" not in sys.argv else [])
    keys = ["rsa-sha2-256", "ssh-ed25519"] if "only" in sys.argv else ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-256"]
    rsa_bits = 3072
    methods = "publickey"
    async def gex(self, req, alg, blob):
        if sys.argv[2] == "rsa" and not alg.startswith("rsa"): raise Bye("RSA only")
        await super().gex(req, alg, blob)
    def choose_group(self, req):
        sizes = struct.unpack(">III", req[1:13])
        print("  asked for", *sizes, file=sys.stderr, flush=True)
        if not LIKES[sys.argv[2]](*sizes): raise Bye("no group")
        return G14
run(Device)
