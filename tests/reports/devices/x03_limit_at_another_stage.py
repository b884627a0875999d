"""Says that it is full, and closes: argv[2] "before" its identification, "after" it, or in the "exchange"."""
from odd import *
LINE = b"All VTY lines are in use\r\n"
class Device(Server):
    before = LINE if sys.argv[2] == "before" else b""
    async def serve(self):
        await self.identify()
        if sys.argv[2] == "exchange": await self.propose()
        if sys.argv[2] != "before": await self.send(LINE)
run(Device)
