#!/usr/bin/env python3
"""Writes known-exchange.json: a whole WireGuard exchange with fixed keys, computed step by step from
sections 5.4.2 to 5.4.6 of the paper, RFC 7748, RFC 8439 and Python's own BLAKE2s and HMAC.

Run it in this folder: python3 known-exchange.py > known-exchange.json
"""

import hashlib
import hmac
import json
import struct

P = 2**255 - 19


def x25519(scalar, point):
    k = int.from_bytes(scalar, "little")
    k = k & ~7 & (2**255 - 1) | 2**254
    u = int.from_bytes(point, "little") & (2**255 - 1)
    x2, z2, x3, z3, swap = 1, 0, u, 1, 0
    for bit in range(254, -1, -1):
        b = k >> bit & 1
        if swap ^ b:
            x2, z2, x3, z3 = x3, z3, x2, z2
        swap = b
        a, c = (x2 + z2) % P, (x2 - z2) % P
        aa, cc = a * a % P, c * c % P
        e = (aa - cc) % P
        da, cb = (x3 - z3) * a % P, (x3 + z3) * c % P
        x3, z3 = (da + cb) ** 2 % P, u * (da - cb) ** 2 % P
        x2, z2 = aa * cc % P, e * (aa + 121665 * e) % P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


def public(private):
    return x25519(private, b"\x09" + bytes(31))


def rotl(x, n):
    return (x << n | x >> 32 - n) & 0xFFFFFFFF


def chacha20_block(key, counter, nonce):
    initial = list(struct.unpack("<16I", b"expand 32-byte k" + key + struct.pack("<I", counter) + nonce))
    s = initial[:]
    columns = [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)]
    diagonals = [(0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]
    for _ in range(10):
        for a, b, c, d in columns + diagonals:
            for x, y, z, n in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)]:
                s[x] = s[x] + s[y] & 0xFFFFFFFF
                s[z] = rotl(s[z] ^ s[x], n)
    return struct.pack("<16I", *(x + y & 0xFFFFFFFF for x, y in zip(s, initial)))


def poly1305(key, data):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for i in range(0, len(data), 16):
        total = (total + int.from_bytes(data[i : i + 16] + b"\x01", "little")) * r % (2**130 - 5)
    return (total + int.from_bytes(key[16:], "little") & 2**128 - 1).to_bytes(16, "little")


def aead(key, counter, plaintext, additional):
    nonce = bytes(4) + struct.pack("<Q", counter)
    stream = b"".join(chacha20_block(key, 1 + i, nonce) for i in range((len(plaintext) + 63) // 64))
    sealed = bytes(p ^ s for p, s in zip(plaintext, stream))
    pad = lambda data: data + bytes(-len(data) % 16)
    lengths = struct.pack("<QQ", len(additional), len(sealed))
    tag = poly1305(chacha20_block(key, 0, nonce)[:32], pad(additional) + pad(sealed) + lengths)
    return sealed + tag


def hash_(*parts):
    return hashlib.blake2s(b"".join(parts)).digest()


def mac(key, data):
    return hashlib.blake2s(data, key=key, digest_size=16).digest()


def kdf(n, key, data):
    prk = hmac.new(key, data, hashlib.blake2s).digest()
    outputs, last = [], b""
    for i in range(1, n + 1):
        last = hmac.new(prk, last + bytes([i]), hashlib.blake2s).digest()
        outputs.append(last)
    return outputs


def tai64n(nanos):
    seconds, rest = divmod(nanos, 10**9)
    return struct.pack(">QI", 2**62 + 10 + seconds, rest & 0xFF000000)


def with_macs(message, receiver_public):
    return message + mac(hash_(b"mac1----", receiver_public), message) + bytes(16)


def transport(key, receiver, counter, packet):
    padded = packet + bytes(-len(packet) % 16)
    return b"\x04\0\0\0" + receiver + struct.pack("<Q", counter) + aead(key, counter, padded, b"")


def exchange(name, psk, wall_nanos, there, back):
    si, sr = (hashlib.sha256(who).digest() for who in (b"initiator", b"responder"))
    ei, er = (hashlib.sha256(who + name.encode()).digest() for who in (b"ephemeral i", b"ephemeral r"))
    index_i, index_r = bytes.fromhex("01020384"), bytes.fromhex("f0f1f2f3")

    c = hash_(b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s")
    h = hash_(hash_(c, b"WireGuard v1 zx2c4 Jason@zx2c4.com"), public(sr))

    (c,) = kdf(1, c, public(ei))
    h = hash_(h, public(ei))
    c, k = kdf(2, c, x25519(ei, public(sr)))
    static = aead(k, 0, public(si), h)
    h = hash_(h, static)
    c, k = kdf(2, c, x25519(si, public(sr)))
    timestamp = aead(k, 0, tai64n(wall_nanos), h)
    h = hash_(h, timestamp)
    initiation = with_macs(b"\x01\0\0\0" + index_i + public(ei) + static + timestamp, public(sr))

    (c,) = kdf(1, c, public(er))
    h = hash_(h, public(er))
    (c,) = kdf(1, c, x25519(er, public(ei)))
    (c,) = kdf(1, c, x25519(er, public(si)))
    c, t, k = kdf(3, c, psk)
    h = hash_(h, t)
    nothing = aead(k, 0, b"", h)
    response = with_macs(b"\x02\0\0\0" + index_r + index_i + public(er) + nothing, public(si))

    key_there, key_back = kdf(2, c, b"")
    fields = {
        "initiatorPrivate": si,
        "initiatorPublic": public(si),
        "responderPrivate": sr,
        "responderPublic": public(sr),
        "presharedKey": psk,
        "initiatorEphemeral": ei,
        "responderEphemeral": er,
        "initiatorIndex": index_i,
        "responderIndex": index_r,
        "initiation": initiation,
        "response": response,
        "packetThere": there,
        "transportThere": transport(key_there, index_r, 0, there),
        "secondTransportThere": transport(key_there, index_r, 1, there),
        "packetBack": back,
        "transportBack": transport(key_back, index_i, 0, back),
    }
    hexed = {key: value.hex() for key, value in fields.items()}
    return {"name": name, "wallNanos": str(wall_nanos), **hexed}


def ipv4(source, destination, data):
    header = bytearray(struct.pack(">BBHIBBH4s4s", 0x45, 0, 20 + len(data), 0, 64, 17, 0, source, destination))
    total = sum(struct.unpack(">10H", header))
    header[10:12] = struct.pack(">H", 0xFFFF - (total % 0xFFFF or 0xFFFF))
    return bytes(header) + data


a, b = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
cases = [
    exchange("without a preshared key", bytes(32), 1_700_000_000_123_456_789, ipv4(a, b, b"there"), ipv4(b, a, b"and back")),
    exchange("with a preshared key", bytes(range(32)), 1_900_000_000_999_999_999, ipv4(a, b, bytes(1300)), ipv4(b, a, b"")),
]
print(json.dumps(cases, indent=2))
