# SPDX-License-Identifier: Apache-2.0
"""Sealing and encoding written again from docs/spec/, so that a client that is not ours takes part in the tests.

The primitives are those of libcrypto through ctypes; HPKE (RFC 9180, DHKEM X25519, HKDF-SHA256, AES-256-GCM) and the
documents are written out here.
"""
import base64
import ctypes
import ctypes.util
import hashlib
import hmac
import json
import secrets
import struct

_lib = ctypes.CDLL(ctypes.util.find_library("crypto") or "libcrypto.so.3")
X25519, ED25519 = 1034, 1087  # NID_X25519, NID_ED25519
_GCM_SET_IVLEN, _GCM_GET_TAG, _GCM_SET_TAG = 0x9, 0x10, 0x11
for _name in ("EVP_PKEY_new_raw_private_key", "EVP_PKEY_new_raw_public_key", "EVP_PKEY_CTX_new", "EVP_MD_CTX_new",
              "EVP_CIPHER_CTX_new", "EVP_aes_256_gcm"):
    getattr(_lib, _name).restype = ctypes.c_void_p


def _pointer(value):
    return ctypes.c_void_p(value)


def _check(result):
    if result != 1:
        raise ValueError("libcrypto refused")


def _private(kind, key):
    value = _lib.EVP_PKEY_new_raw_private_key(kind, None, key, ctypes.c_size_t(len(key)))
    if not value:
        raise ValueError("not a key")
    return _pointer(value)


def public_of(kind, key):
    handle, out, size = _private(kind, key), ctypes.create_string_buffer(32), ctypes.c_size_t(32)
    _check(_lib.EVP_PKEY_get_raw_public_key(handle, out, ctypes.byref(size)))
    _lib.EVP_PKEY_free(handle)
    return out.raw


def ed25519_sign(seed, message):
    handle, context = _private(ED25519, seed), _pointer(_lib.EVP_MD_CTX_new())
    out, size = ctypes.create_string_buffer(64), ctypes.c_size_t(64)
    _check(_lib.EVP_DigestSignInit(context, None, None, None, handle))
    _check(_lib.EVP_DigestSign(context, out, ctypes.byref(size), message, ctypes.c_size_t(len(message))))
    _lib.EVP_MD_CTX_free(context)
    _lib.EVP_PKEY_free(handle)
    return out.raw


def x25519(private, public):
    mine = _private(X25519, private)
    theirs = _pointer(_lib.EVP_PKEY_new_raw_public_key(X25519, None, public, ctypes.c_size_t(32)))
    context = _pointer(_lib.EVP_PKEY_CTX_new(mine, None))
    out, size = ctypes.create_string_buffer(32), ctypes.c_size_t(32)
    _check(_lib.EVP_PKEY_derive_init(context))
    _check(_lib.EVP_PKEY_derive_set_peer(context, theirs))
    _check(_lib.EVP_PKEY_derive(context, out, ctypes.byref(size)))
    _lib.EVP_PKEY_CTX_free(context)
    _lib.EVP_PKEY_free(mine)
    _lib.EVP_PKEY_free(theirs)
    return out.raw


def aes_gcm(key, nonce, data, seal):
    """Seals, or opens with the tag last; None when it does not open."""
    context, size = _pointer(_lib.EVP_CIPHER_CTX_new()), ctypes.c_int(0)
    text, tag = (data, b"") if seal else (data[:-16], data[-16:])
    out = ctypes.create_string_buffer(len(text) + 16)
    _check(_lib.EVP_CipherInit_ex(context, _pointer(_lib.EVP_aes_256_gcm()), None, key, nonce, int(seal)))
    _check(_lib.EVP_CipherUpdate(context, out, ctypes.byref(size), text, len(text)))
    if not seal:
        _check(_lib.EVP_CIPHER_CTX_ctrl(context, _GCM_SET_TAG, 16, tag))
    rest = ctypes.create_string_buffer(16)
    ok = _lib.EVP_CipherFinal_ex(context, rest, ctypes.byref(size)) == 1
    made = ctypes.create_string_buffer(16)
    if seal:
        _check(_lib.EVP_CIPHER_CTX_ctrl(context, _GCM_GET_TAG, 16, made))
    _lib.EVP_CIPHER_CTX_free(context)
    if not ok:
        return None
    return out.raw[:len(text)] + (made.raw if seal else b"")


# ---- HPKE, base mode, single shot ----

_KEM, _SUITE = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x02"


def _extract(suite, salt, label, material):
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + material, "sha256")


def _expand(suite, key, label, info, size):
    return hmac.digest(key, struct.pack(">H", size) + b"HPKE-v1" + suite + label + info + b"\x01", "sha256")[:size]


def _keys(shared, enc, recipient, info):
    secret = _expand(_KEM, _extract(_KEM, b"", b"eae_prk", shared), b"shared_secret", enc + recipient, 32)
    context = (b"\x00" + _extract(_SUITE, b"", b"psk_id_hash", b"") + _extract(_SUITE, b"", b"info_hash", info))
    root = _extract(_SUITE, secret, b"secret", b"")
    return _expand(_SUITE, root, b"key", context, 32), _expand(_SUITE, root, b"base_nonce", context, 12)


# ---- documents (docs/spec/encoding.md) ----

def text(value):
    return struct.pack(">B", len(value)) + value.encode()


def block(value):
    return struct.pack(">I", len(value)) + value


def label(name, version=1):
    return text(name) + struct.pack(">H", version)


SECRETS, OUTPUT = 1, 2


def seal_context(kind, network, launcher, lease, deployment_hash, recipient):
    return label("ee-seal") + bytes([kind]) + network + text(launcher) + lease + deployment_hash + recipient


def seal(context, recipient, plain):
    ephemeral = secrets.token_bytes(32)
    enc = public_of(X25519, ephemeral)
    key, nonce = _keys(x25519(ephemeral, recipient), enc, recipient, context)
    return label("ee-sealed") + enc + aes_gcm(key, nonce, plain, True)


def open_sealed(context, private, sealed):
    """None when it does not open."""
    head = label("ee-sealed")
    if not sealed.startswith(head):
        return None
    enc, recipient = sealed[len(head):len(head) + 32], public_of(X25519, private)
    key, nonce = _keys(x25519(private, enc), enc, recipient, context)
    return aes_gcm(key, nonce, sealed[len(head) + 32:], False)


def secrets_document(values):
    """{name: bytes}"""
    out = label("ee-secrets") + bytes([len(values)])
    for name in sorted(values):
        out += text(name) + block(values[name])
    return out


def job_output(document):
    """Exit code, stdout and stderr of a decoded sealed output."""
    head = label("ee-job-output")
    if not document.startswith(head):
        raise ValueError("not job output")
    code, flags = struct.unpack_from(">iB", document, len(head))
    at, parts = len(head) + 5, []
    for _ in range(2):
        size, = struct.unpack_from(">I", document, at)
        parts.append(document[at + 4:at + 4 + size])
        at += 4 + size
    if at != len(document):
        raise ValueError("bytes are left over")
    return {"exit_code": code, "flags": flags, "stdout": parts[0], "stderr": parts[1]}


def deployment(command, output_key, environment=None, secret_names=(), port=0, output_limit=65536, memory_mib=0):
    """Canonical bytes of a deployment of the `process` runtime."""
    out = label("ee-deployment") + b"\x01" + struct.pack(">I", len(command))
    for word in command:
        out += block(word.encode())
    out += struct.pack(">I", len(environment or {}))
    for name in sorted(environment or {}):
        out += block(name.encode()) + block(environment[name].encode())
    out += struct.pack(">I", len(secret_names))
    for name in sorted(secret_names):
        out += block(name.encode())
    return out + struct.pack(">HII", port, memory_mib, output_limit) + output_key


def mint_message(network, account, amount_micros, reference):
    return label("ee-mint") + network + text(account) + struct.pack(">q", amount_micros) + text(reference)


def claims_of(evidence_text):
    """Claims of an evidence document; nothing is verified here."""
    data = base64.b64decode(json.loads(evidence_text)["claims"])
    head = label("ee-claims")
    if not data.startswith(head):
        raise ValueError("not claims")
    at = len(head)
    out = {"network": data[at:at + 32], "role": data[at + 32], "identity": data[at + 33:at + 65]}
    at += 65
    size = data[at]
    out["node"] = data[at + 1:at + 1 + size].decode()
    at += 1 + size
    for name in ("tls_key_hash", "sealing_key", "checkpoint_key"):
        out[name] = data[at:at + 32]
        at += 32
    return out


def caller_nonce(nonce):
    """What key-bound evidence quotes for a nonce that its caller drew."""
    return sha256(label("ee-caller") + nonce)


def sha256(data):
    return hashlib.sha256(data).digest()
