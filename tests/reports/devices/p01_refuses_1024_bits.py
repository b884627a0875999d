"""Closes the connection where the client allows no group of 2048 bits, as libssh does, and has three keys."""
from odd import *
class Device(Server):
    banner = b"SSH-2.0-libssh_0.11.1"
    kex = ["curve25519-sha256", "diffie-hellman-group-exchange-sha256", "kex-strict-s-v00@openssh.com"]
    keys = ["ssh-ed25519", "rsa-sha2-256", "ecdsa-sha2-nistp256"]
    rsa_bits = 3072
    methods = "publickey"
    def choose_group(self, req):
        if struct.unpack(">III", req[1:13])[2] < 2048:
            raise Bye("no group")
        return G14
run(Device)
