"""How fast captures are decoded: px decode over a capture made large by repeating a real one with other client ports.

Prints requests/s and MB/s, and, where tshark is installed, the ratio to `tshark -T json` on a part of the same capture, in one run.
"""

from __future__ import annotations

import gzip
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
CAPTURES = HERE.parents[1] / "captures"
PX = HERE.parents[1] / ".venv" / "bin" / "px"


def repeated(source: Path, target: Path, wanted: int, broker_ports: set[int]) -> int:
    """Write `source` (pcap, Ethernet, IPv4) to `target` again and again with new client ports, until `wanted` bytes; returns the copies."""
    data = gzip.decompress(source.read_bytes()) if source.suffix == ".gz" else source.read_bytes()
    head, packets, at = data[:24], [], 24
    while at + 16 <= len(data):
        seconds, micros, captured, length = struct.unpack_from("<IIII", data, at)
        packets.append((seconds * 1_000_000 + micros, length, data[at + 16 : at + 16 + captured]))
        at += 16 + captured
    span = packets[-1][0] - packets[0][0] + 1_000_000
    copies = size = 0
    with target.open("wb") as out:
        out.write(head)
        while size < wanted:
            for when, length, frame in packets:
                frame = bytearray(frame)
                if struct.unpack_from(">H", frame, 12)[0] == 0x0800:
                    ports = 14 + (frame[14] & 15) * 4
                    for offset in (0, 2):
                        port = struct.unpack_from(">H", frame, ports + offset)[0]
                        if port not in broker_ports:
                            struct.pack_into(">H", frame, ports + offset, 1024 + (port + copies * 977) % 28000)
                moved = when + copies * span
                size += out.write(struct.pack("<IIII", moved // 1_000_000, moved % 1_000_000, len(frame), length)) + out.write(frame)
            copies += 1
    return copies


def timed(command: list[str]) -> tuple[float, str]:
    began = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
    return time.perf_counter() - began, done.stderr


def main() -> None:
    sources = sorted(CAPTURES.glob("*.pcap.gz"))
    if not sources:
        sys.exit("no captures in captures/")
    ports = {int(port) for port in os.environ.get("BROKER_PORTS", "29092,29093,29192,9092").split(",")}
    with tempfile.TemporaryDirectory() as folder:
        for source in sources:
            large = Path(folder) / "large.pcap"
            copies = repeated(source, large, int(os.environ.get("BENCH_BYTES", 100_000_000)), ports)
            seconds, summary = timed([str(PX), "decode", "-o", "json", str(large)])
            requests = int(summary.split(" requests")[0].split()[-1].replace(",", ""))
            size = large.stat().st_size
            print(f"{source.name}: {copies} copies, {size / 1e6:.0f} MB, {requests:,} requests: {requests / seconds:,.0f} requests/s, {size / 1e6 / seconds:.0f} MB/s")
            if shutil.which("tshark"):
                part = Path(folder) / "part.pcap"
                repeated(source, part, 1_000_000, ports)
                _, summary = timed([str(PX), "decode", "-o", "json", str(part)])
                count = int(summary.split(" requests")[0].split()[-1].replace(",", ""))
                decode_as = [word for port in sorted(ports) for word in ("-d", f"tcp.port=={port},kafka")]
                theirs, _ = timed(["tshark", "-r", str(part), "-T", "json", "-Y", "kafka", *decode_as])
                print(f"  tshark -T json: {count / theirs:,.0f} requests/s; px decode on the large file is {(requests / seconds) / (count / theirs):.0f} times as fast")
            else:
                print("  tshark is not installed: no comparison")


if __name__ == "__main__":
    main()
