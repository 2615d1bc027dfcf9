#!/usr/bin/env python3
"""Writes x25519-edge.json: public keys of low order, non-canonical encodings, and products.

The points are computed here, from the curve equation alone: by the doubling formula of the
Montgomery curve (and its twist, which shares it), u is of order 2 when u = 0, of order 4 when
doubling gives 0, and of order 8 when doubling gives a point of order 4.
Run it in this folder: python3 x25519-edge.py > x25519-edge.json
"""
import hashlib
import json

P = 2**255 - 19
A = 486662


def sqrt(n):
    root = pow(n, (P + 3) // 8, P)
    for candidate in (root, root * pow(2, (P - 1) // 4, P) % P):
        if candidate * candidate % P == n % P:
            return [candidate, P - candidate]
    return []


def double(u):
    denominator = 4 * u * (u * u + A * u + 1) % P
    return (u * u - 1) ** 2 * pow(denominator, P - 2, P) % P if denominator else None


def halves(target):
    """All u with double(u) = target, for a target of order 4 (1 or -1), and -1 and 1 for 0."""
    if target == 0:
        return [1, P - 1]
    # (u^2 - 1)^2 = 4tu(u^2 + Au + 1). With s = u + 1/u: s^2 - 4ts - 4 - 4tA = 0.
    found = []
    for root in sqrt(4 * target * target + 4 + 4 * target * A):
        s = (2 * target + root) % P
        for half in sqrt(s * s - 4):
            found.append((s + half) * pow(2, P - 2, P) % P)
    return sorted(set(found))


def encode(n):
    return n.to_bytes(32, "little").hex()


def x25519(scalar, point):
    """RFC 7748, section 5, by affine-free differential addition on Python's integers."""
    k = int.from_bytes(scalar, "little") & ~7 & (2**255 - 1) | 2**254
    u = int.from_bytes(point, "little") % 2**255 % P
    low, high = (1, 0), (u, 1)
    for bit in reversed(range(255)):
        (x, z), (v, w) = (high, low) if k >> bit & 1 else (low, high)
        total = (4 * (x * v - z * w) ** 2 % P, 4 * u * (x * w - z * v) ** 2 % P)
        twice = ((x * x - z * z) ** 2 % P, 4 * x * z * (x * x + A * x * z + z * z) % P)
        low, high = (total, twice) if k >> bit & 1 else (twice, total)
    return (low[0] * pow(low[1], P - 2, P) % P).to_bytes(32, "little")


def product(scalar, point):
    return {"scalar": scalar.hex(), "point": point.hex(), "output": x25519(scalar, point).hex()}


def drawn(label):
    return hashlib.sha256(label.encode()).digest()


order4 = halves(0)
order8 = [u for target in order4 for u in halves(target)]
assert all(double(double(double(u))) is None for u in order8) and len(order8) == 2
low = [0, *order4, *order8]
top = 2**255
look_alikes = [encode(v) for v in (2 * P - 1, 2 * P, 2 * P + 1, *(u + P for u in order8))]
assert not any(any(x25519(drawn("low"), (u + b * top).to_bytes(32, "little"))) for u in low for b in (0, 1))

print(json.dumps({
    # Every encoding that names a point of low order: both values below 2^255, with and without the
    # top bit, which X25519 ignores.
    "lowOrder": [encode(v + bit) for u in low for v in (u, u + P) if v < top for bit in (0, top)],
    # Not of low order, though lists for implementations that keep the top bit name them.
    "lookAlikes": look_alikes,
    # 2 to 18 written as p + 2 to p + 18, beside their canonical form.
    "nonCanonical": [{"canonical": encode(n), "nonCanonical": encode(P + n)}
                     for n in range(2, 19)],
    # Half of the points lie on the twist; scalars and points come with their top bits set or not.
    "products": [product(drawn(f"scalar {i}"), drawn(f"point {i}")) for i in range(24)]
    + [product(drawn("scalar"), bytes.fromhex(point)) for point in look_alikes]
    + [product(bytes([fill]) * 32, drawn("point")) for fill in (0, 1, 0x7f, 0x80, 0xff)],
}, indent=2))
