"""Treats the data of one read as one packet and drops the rest, after NEWKEYS too."""
from odd import *
class Device(Server):
    banner = b"SSH-2.0-OneRead_1.0"
    keys = ["rsa-sha2-256"]
    methods = "password"
    async def read_one(self):
        data = await self.r.read(65536)
        if not data: raise Bye("end")
        seq, self.si = self.si, self.si + 1
        if self.inp is None:
            n = struct.unpack(">I", data[:4])[0]; b = data[4:4 + n]; end = 4 + n
        else:
            dec, mackey, (h, _, tag), bs = self.inp
            first = dec.update(data[:bs]); n = struct.unpack(">I", first[:4])[0]; end = 4 + n + tag
            clear = first + dec.update(data[bs:4 + n])
            assert data[4 + n:end] == hmac.digest(mackey, u32(seq) + clear, h)[:tag], "MAC of client"
            b = clear[4:]
        if len(data) > end: print(f"  {len(data) - end} bytes more with it", file=sys.stderr, flush=True)
        return b[1:len(b) - b[0]]
    async def _read(self): return await self.read_one()
    async def propose(self):
        self.ki_s = self.kexinit(); await self.packet(self.ki_s)
        self.ki_c = await self.read()
        await asyncio.sleep(0.1)
run(Device)
