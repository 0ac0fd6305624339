"""How much memory a process has had; imports nothing but the standard library, so that the peers may ask as well."""

from pathlib import Path


def peak_bytes() -> int:
    """The most memory this process has had; `getrusage` would tell of the process that started it as well."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    return int(line.split()[1]) * 1024
