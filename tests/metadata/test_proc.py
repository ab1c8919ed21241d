"""Small files of /proc, as the kernel writes them."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkascope.metadata.proc import PAGE, TICK_NS, Proc, parse_net_dev, parse_stat

STAT = b"4242 (%s) S 17 4242 4242 0 -1 4194560 345 6 78 9 100 50 0 0 20 0 33 0 987654 5000000 2500 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0\n"


@pytest.mark.parametrize("comm", [b"java", b"a b", b"(sd-pam)", b"x) S 1 (y", b"", "ü".encode(), b"\xff\xfe"])
def test_stat_of_any_name(comm):
    stat = parse_stat(STAT % comm)
    assert stat is not None
    assert stat.comm == comm.decode("utf-8", "replace")
    assert (stat.ppid, stat.minor_faults, stat.major_faults, stat.threads, stat.start_ticks) == (17, 345, 78, 33, 987654)
    assert (stat.utime_ns, stat.ktime_ns) == (100 * TICK_NS, 50 * TICK_NS)
    assert (stat.vsize, stat.rss) == (5000000, 2500 * PAGE)
    assert not stat.kernel_thread


@pytest.mark.parametrize("raw", [None, b"", b"1", b"1 (x", b"1 (x)", b"1 (x) S 1 2"])
def test_a_stat_cut_short_is_none(raw):
    assert parse_stat(raw) is None


def test_net_dev_sums_all_interfaces_but_loopback():
    text = b"""Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:  900       9    9    9    0     0          0         0      900       9    9    9    0     0       0          0
  eth0: 1000      10    1    2    0     0          0         0     2000      20    3    4    0     0       0          0
weird:7:  1       1     0    0    0     0          0         0        1       1    0    0    0     0       0          0
veth1:  10       1     0    0    0     0          0         0       20       2    0    0    0     0       0          0
"""
    sums = parse_net_dev(text.replace(b"weird:7", b"weird-7"))
    assert sums is not None
    assert (sums.rx_bytes, sums.rx_packets, sums.rx_errors, sums.rx_drops) == (1011, 12, 1, 2)
    assert (sums.tx_bytes, sums.tx_packets, sums.tx_errors, sums.tx_drops) == (2021, 23, 3, 4)


@given(st.binary(max_size=200))
def test_no_bytes_make_the_parsers_fail_in_other_ways_than_none(raw):
    for parser in (parse_stat, parse_net_dev):
        try:
            parser(raw)
        except ValueError:
            pass


def test_this_process_is_read_from_the_real_proc():
    proc, pid = Proc(), os.getpid()
    stat, io = proc.stat(pid), proc.io(pid)
    assert stat is not None
    assert stat.ppid == os.getppid()
    assert stat.rss > 1 << 20
    assert io is not None
    assert io.rchar > 0
    assert proc.netns(pid) == int(os.readlink("/proc/self/ns/net")[5:-1])
    assert "python" in proc.cmdline(pid) or "pytest" in proc.cmdline(pid)
    assert pid in proc.pids()


def test_a_process_that_is_gone_is_none():
    proc = Proc()
    pid = 2**22 + 1
    assert (proc.stat(pid), proc.io(pid), proc.netns(pid), proc.net_dev(pid)) == (None, None, None, None)
    assert (proc.cmdline(pid), proc.cgroup(pid), proc.fd_links(pid, 10)) == ("", "", [])
