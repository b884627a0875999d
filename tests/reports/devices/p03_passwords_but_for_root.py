"""Lists only keys for root, and passwords for all others."""
from odd import *
class Device(Server):
    banner = b"SSH-2.0-gateway_1.0"
    kex = ["curve25519-sha256", "kex-strict-s-v00@openssh.com"]
    keys = ["ssh-ed25519", "rsa-sha2-256"]
    rsa_bits = 3072
    async def refuse(self):
        p = await self.read()
        await self.packet(b"\x33" + s("publickey" if p[1:9] == s("root") else "publickey,password") + b"\0")
run(Device)
