"""Has two group exchanges and ignores the requested sizes. argv[2]: the bits of the SHA-1 method's group, 1024 or 2048."""
from odd import *
class Device(Server):
    banner = b"SSH-2.0-TwoMethods_1.0"
    kex = ["curve25519-sha256", "diffie-hellman-group-exchange-sha256", "diffie-hellman-group-exchange-sha1"]
    def choose_group(self, req): return G1 if self.hash == "sha1" and sys.argv[2] == "1024" else G14
run(Device)
