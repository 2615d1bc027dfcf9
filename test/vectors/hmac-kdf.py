#!/usr/bin/env python3
"""Writes hmac-kdf.json: HMAC-BLAKE2s, KDF1 to KDF3 and the keyed MAC, by Python's hashlib and hmac.

Run it in this folder: python3 hmac-kdf.py > hmac-kdf.json
"""
import hashlib
import hmac
import json


def pattern(length, seed):
    return bytes((seed + 7 * i) % 256 for i in range(length))


def hmac_blake2s(key, data):
    return hmac.new(key, data, hashlib.blake2s).digest()


def kdf(key, data, count):
    prk = hmac_blake2s(key, data)
    outputs, last = [], b""
    for number in range(1, count + 1):
        last = hmac_blake2s(prk, last + bytes([number]))
        outputs.append(last)
    return outputs


# Around the block of 64 bytes, where HMAC hashes the key first, and the 32 bytes of WireGuard.
HMAC_CASES = [(k, d) for k in (0, 1, 32, 63, 64, 65, 200) for d in (0, 1, 32, 64, 129)]
KDF_CASES = [(32, d) for d in (0, 1, 32, 64, 65)]
MAC_CASES = [(k, d) for k in (1, 16, 32) for d in (0, 1, 63, 64, 65, 116, 132)]

print(json.dumps({
    "hmac": [{
        "key": pattern(k, 1).hex(),
        "data": pattern(d, 101).hex(),
        "output": hmac_blake2s(pattern(k, 1), pattern(d, 101)).hex(),
    } for k, d in HMAC_CASES],
    "kdf": [{
        "key": pattern(k, 3).hex(),
        "input": pattern(d, 103).hex(),
        "outputs": [t.hex() for t in kdf(pattern(k, 3), pattern(d, 103), 3)],
    } for k, d in KDF_CASES],
    "mac": [{
        "key": pattern(k, 5).hex(),
        "data": pattern(d, 105).hex(),
        "output": hashlib.blake2s(pattern(d, 105), key=pattern(k, 5), digest_size=16).hexdigest(),
    } for k, d in MAC_CASES],
}, indent=2))
