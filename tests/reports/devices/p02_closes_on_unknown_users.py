"""Knows only root, and closes the connection at any other name."""
from odd import *
class Device(Server):
    banner = b"SSH-2.0-appliance_1.0"
    kex = ["curve25519-sha256", "kex-strict-s-v00@openssh.com"]
    keys = ["ssh-ed25519", "rsa-sha2-256"]
    rsa_bits = 3072
    methods = "publickey"
    async def refuse(self):
        p = await self.read()
        if p[:1] == b"\x32" and p[1:9] != s("root"):
            raise Bye("who is that")
        await self.packet(b"\x33" + s(self.methods) + b"\0")
run(Device)
