"""A port of this machine for whoever is told its number, and for nobody else who asks for any port."""

import socket


def reserve_port():
    """Bound, and not listened at: with SO_REUSEADDR another process may listen there, but none is given it by chance, as long as
    this socket is kept."""
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind(("127.0.0.1", 0))
    return reserved


def number_of(reserved):
    return reserved.getsockname()[1]
