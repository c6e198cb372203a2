"""A session whose backend is measured from outside."""

import time
from pathlib import Path

from servers import Session

MIB = 1 << 20
# What any statement may take, in seconds: some times what the longest one takes on a slow machine.
PATIENCE = 60


class Backend(Session):
    """Answers with the time and the memory that a statement took."""

    def __init__(self, cluster, database):
        super().__init__(cluster, database, f"-c statement_timeout={PATIENCE}s")
        # What a first call loads is no part of what is measured later.
        self.value("SELECT lotty_decide('no such flag', 'u'), lotty_export() IS NULL")

    def memory(self, name):
        """`VmRSS`, what the process has now, or `VmHWM`, the most that it had, in bytes."""
        for line in Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
        raise ValueError(f"the kernel does not say {name}")

    def measured(self, sql):
        """The answer, seconds, and the bytes that came on top, at most and at the end."""
        # The most so far becomes what there is now.
        Path(f"/proc/{self.pid}/clear_refs").write_text("5", encoding="ascii")
        before, begin = self.memory("VmRSS"), time.monotonic()
        answer = self.run(sql)
        seconds = time.monotonic() - begin
        return answer, seconds, self.memory("VmHWM") - before, self.memory("VmRSS") - before

    def asks(self, checks, what, sql, expected, peak=64, left=64):
        """Checks the answer of a statement, or the SQLSTATE of its error, and what it takes.

        `peak` and `left` are MiB. What may be left is what is cached (lotty.flag_cache_size is
        64 MiB) or kept by the allocator for the next time, not the input.
        """
        answer, seconds, most, end = self.measured(sql)
        got = answer.sqlstate or answer.text
        holds = got == expected and most <= peak * MIB and end <= left * MIB
        if answer.sqlstate:
            # A clear error says what is wrong, and no more of the input than one can read.
            holds = holds and len(answer.messages) < 2000
        checks.check(f"{what} ({seconds:.1f} s, {most / MIB:.0f} MiB)", holds,
                     f"expected {expected!r}\ngot      {got[:200]!r}\n{answer.messages[:1500]}\n"
                     f"{most / MIB:.0f} of {peak} MiB at most, {end / MIB:.0f} of {left} MiB at the end")
