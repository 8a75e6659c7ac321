"""A network of hosts on one machine, each a network namespace, with delay, loss and links that can be cut.

Every host has a TUN device, whose packets come to this process. It holds each back for a while, loses some, and writes the others
to the device of the host that they are for. No kernel's traffic control is needed, which not every kernel has.
"""

import collections
import fcntl
import os
import random
import select
import struct
import subprocess
import threading
import time

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000  # a packet as it is, with nothing before it
LARGEST = 65535  # bytes of a packet


def run(*command):
    subprocess.run(command, check=True)


def namespace_of(host):
    return f"vitrine{host}"


class LossyNetwork:
    """Hosts 1 … `hosts` at SUBNET.1 …; `delay` in seconds, one way; `loss`, the share of packets that never arrive."""

    def __init__(self, hosts, subnet, delay, loss):
        self.delay, self.loss, self.subnet = delay, loss, subnet
        self.carried, self.lost = 0, 0
        self.cut_hosts = set()
        self.ends = {}  # the other end of each host's device
        self.under_way = collections.deque()  # (when it arrives, at which host, the packet), the first to arrive first
        self.chance = random.Random(1)
        remove_hosts(hosts)
        for host in range(1, hosts + 1):
            self.add(host)
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.carry)
        self.thread.start()

    def add(self, host):
        end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH22x", f"vitrine-{host}".encode(), IFF_TUN | IFF_NO_PI))
        self.ends[host] = end
        namespace = namespace_of(host)
        run("ip", "netns", "add", namespace)
        run("ip", "link", "set", f"vitrine-{host}", "netns", namespace, "name", "eth0")
        run("ip", "-n", namespace, "addr", "add", f"{self.subnet}.{host}/24", "dev", "eth0")
        run("ip", "-n", namespace, "link", "set", "eth0", "up")
        run("ip", "-n", namespace, "link", "set", "lo", "up")

    def cut(self, host):
        """From now on nothing arrives from this host, nor at it; it is not told."""
        self.cut_hosts.add(host)

    def take(self, sender):
        try:
            packet = os.read(self.ends[sender], LARGEST)
        except BlockingIOError:
            return
        host = packet[19]  # the last byte of an IPv4 packet's destination
        if packet[0] >> 4 != 4 or host not in self.ends or {sender, host} & self.cut_hosts:
            return
        if self.chance.random() < self.loss:
            self.lost += 1
        else:
            self.under_way.append((time.monotonic() + self.delay, host, packet))

    def deliver(self):
        while self.under_way and self.under_way[0][0] <= time.monotonic():
            _, host, packet = self.under_way.popleft()
            try:
                os.write(self.ends[host], packet)
                self.carried += 1
            except BlockingIOError:  # its queue is full: that, too, is a packet lost
                self.lost += 1

    def carry(self):
        hosts = {end: host for host, end in self.ends.items()}
        while not self.stopped.is_set():
            patience = max(0.0, self.under_way[0][0] - time.monotonic()) if self.under_way else 0.1
            readable, _, _ = select.select(list(hosts), [], [], patience)
            for end in readable:
                self.take(hosts[end])
            self.deliver()

    def remove(self):
        self.stopped.set()
        self.thread.join()
        end_hosts(self.ends)
        for end in self.ends.values():
            os.close(end)
        remove_hosts(len(self.ends))


def end_hosts(hosts):
    """Kills whatever runs in them."""
    for host in hosts:
        inside = subprocess.run(["ip", "netns", "pids", namespace_of(host)], capture_output=True, text=True).stdout.split()
        subprocess.run(["kill", "-9", *inside], stderr=subprocess.DEVNULL)


def remove_hosts(hosts):
    """Those of a network that nobody removed, too."""
    end_hosts(range(1, hosts + 1))
    for host in range(1, hosts + 1):
        subprocess.run(["ip", "netns", "del", namespace_of(host)], stderr=subprocess.DEVNULL)
