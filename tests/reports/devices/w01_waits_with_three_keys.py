"""Sends its KEXINIT only after the client's, and has three keys and a group exchange; argv[2] "nothing": shares nothing with clients."""
from odd import *
class Device(Server):
    banner = b"SSH-2.0-AudioCodes"
    kex = ["diffie-hellman-group-exchange-sha256", "ecdh-sha2-nistp256", "diffie-hellman-group14-sha256"]
    keys = ["ssh-ed25519", "rsa-sha2-256", "ecdsa-sha2-nistp256"]
    if sys.argv[2:] == ["nothing"]:
        kex, keys = ["sm2kep-sha2-nistp256"], ["sm2"]
    ciphers = ["aes256-ctr", "aes128-ctr"]
    methods = "password,publickey"
    async def propose(self):
        self.ki_c = await self.read()
        self.ki_s = self.kexinit()
        await self.packet(self.ki_s)
run(Device)
