#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints p256_cases.inc: ECDSA P-256 verifications whose answer is known by construction (SEC 1 section 4.1.4, domain
parameters of SEC 2 section 2.4.2). No signer is needed: R, Q and the two scalars are chosen, digest and s follow.
The answer does not come from a library, so it can judge one. usage: tests/unit/wasm/p256_cases.py > p256_cases.inc
"""
import hashlib

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b
G = (0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296,
     0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5)


def add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % P == 0:
        return None
    slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, P) if a == b else (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def mul(k, point):
    out = None
    for bit in bin(k % N)[2:]:
        out = add(out, out)
        if bit == "1":
            out = add(out, point)
    return out


def lift(x):
    """The point of this x with the smaller y, or None."""
    square = (x**3 - 3 * x + B) % P
    y = pow(square, (P + 1) // 4, P)
    return (x, min(y, P - y)) if y * y % P == square else None


def scalar(name):
    return int.from_bytes(hashlib.sha256(name.encode()).digest(), "big") % N


def emit(name, good, q, digest, r, s):
    print('    {"%s", %s,\n     "%064x%064x",\n     "%064x",\n     "%064x%064x"},'
          % (name, "true" if good else "false", q[0], q[1], digest, r, s))


def by_scalars(q, u1, u2):
    """digest, r, s of a signature that q verifies with exactly these two scalars."""
    r = add(mul(u1, G), mul(u2, q))[0] % N
    s = r * pow(u2, -1, N) % N
    return u1 * s % N, r, s


def signed(q, d, e, k):
    r = mul(k, G)[0] % N
    return e, r, pow(k, -1, N) * (e + r * d) % N


def plain():
    d, k, e = scalar("d"), scalar("k"), scalar("e")
    q = mul(d, G)
    _, r, s = signed(q, d, e, k)
    emit("valid", True, q, e, r, s)
    emit("valid_with_the_other_s", True, q, e, r, N - s)
    emit("another_digest", False, q, e ^ 1, r, s)
    emit("another_r", False, q, e, r ^ 1, s)
    emit("another_s", False, q, e, r, s ^ 1)
    emit("r_and_s_exchanged", False, q, e, s, r)
    emit("another_key", False, mul(d + 1, G), e, r, s)
    emit("opposite_key", False, (q[0], P - q[1]), e, r, s)
    for name, bad in (("zero", 0), ("n", N), ("n_plus_one", N + 1), ("p", P), ("all_ones", 2**256 - 1)):
        emit("r_is_" + name, False, q, e, bad, s)
        emit("s_is_" + name, False, q, e, r, bad)
    emit("r_and_s_zero", False, q, e, 0, 0)
    emit("r_and_s_one", False, q, e, 1, 1)
    emit("r_and_s_n", False, q, e, N, N)


def digests():
    d, k = scalar("digests d"), scalar("digests k")
    q = mul(d, G)
    for name, digest in (("zero", 0), ("n", N), ("n_minus_one", N - 1), ("n_plus_one", N + 1), ("one", 1),
                         ("all_ones", 2**256 - 1), ("top_bit", 2**255)):
        _, r, s = signed(q, d, digest % N, k)
        emit("digest_is_" + name, True, q, digest, r, s)
    # With a digest of zero the sum is u2*Q alone; r = 0 must not pass for it.
    emit("digest_and_r_zero", False, q, 0, 0, scalar("any s"))
    r = mul(k, G)[0] % N
    e = r * d % N
    emit("both_terms_are_the_same_point", True, q, e, r, 2 * e * pow(k, -1, N) % N)
    emit("the_terms_cancel_out", False, q, N - e, r, scalar("any s"))
    for s in (1, 2, N - 1, N - 2):
        emit("s_is_%s" % (s if s < 3 else "n_minus_%d" % (N - s)), True, q, (s * k - r * d) % N, r, s)


def scalars():
    q = mul(scalar("scalars d"), G)
    values = [("1", 1), ("2", 2), ("15", 15), ("16", 16), ("17", 17), ("31", 31), ("n_minus_1", N - 1), ("n_minus_2", N - 2),
              ("2_255", 2**255), ("2_255_minus_1", 2**255 - 1), ("half_n", (N + 1) // 2),
              ("alternating", int("aa" * 32, 16)), ("runs", int("0f" * 32, 16)), ("long_runs", int("00ff" * 16, 16))]
    for index, (name, u1) in enumerate(values):
        other, u2 = values[(index + 5) % len(values)]
        emit("u1_%s_u2_%s" % (name, other), True, q, *by_scalars(q, u1, u2))
        emit("u1_0_u2_%s" % name, True, q, *by_scalars(q, 0, u1))


def points():
    for name, d in (("generator", 1), ("twice_the_generator", 2), ("opposite_of_the_generator", N - 1),
                    ("15_times_the_generator", 15), ("half_the_generator", (N + 1) // 2)):
        q = mul(d, G)
        emit("key_is_" + name, True, q, *by_scalars(q, scalar("points u1"), scalar("points u2")))
        emit("key_is_%s_equal_scalars" % name, d != N - 1, q, *(by_scalars(q, 5, 5) if d != N - 1 else (5, 1, 1)))
    x = N + 1
    while lift(x) is None:
        x += 1
    big = lift(x)  # R with n <= x < p: r is x - n, and no other text of it will do
    u1, u2 = scalar("big u1"), scalar("big u2")
    q = mul(pow(u2, -1, N), add(big, mul(N - u1, G)))
    r = x - N
    s = r * pow(u2, -1, N) % N
    emit("x_of_the_sum_beyond_n", True, q, u1 * s % N, r, s)
    emit("r_beyond_n_equal_to_the_x", False, q, u1 * s % N, x, s)
    x = 0
    small = lift(x)
    emit("key_with_x_0", True, small, *by_scalars(small, 3, 7))
    emit("key_with_x_p_instead_of_0", False, (P, small[1]), *by_scalars(small, 3, 7))
    x = 2
    while lift(x) is None:
        x += 1
    small = lift(x)
    emit("key_with_small_x", True, small, *by_scalars(small, 3, 7))
    emit("key_with_small_x_plus_p", False, (x + P, small[1]), *by_scalars(small, 3, 7))


def no_points():
    q = mul(scalar("no point d"), G)
    proof = by_scalars(q, scalar("no point u1"), scalar("no point u2"))
    emit("key_0_0", False, (0, 0), *proof)
    emit("key_0_1", False, (0, 1), *proof)
    emit("key_x_beyond_the_curve", False, ((q[0] + 1) % P, q[1]), *proof)
    emit("key_y_beyond_the_curve", False, (q[0], (q[1] + 1) % P), *proof)
    emit("key_all_ones", False, (2**256 - 1, 2**256 - 1), *proof)
    emit("key_p_p", False, (P, P), *proof)
    emit("key_with_exchanged_coordinates", False, (q[1], q[0]), *proof)
    x = 2
    while lift(x):
        x += 1
    emit("key_with_x_on_the_twist", False, (x, 1), *proof)


print("/* SPDX-License-Identifier: Apache-2.0 */\n/* Printed by p256_cases.py: name, accepted, key, digest, r and s. */")
plain()
digests()
scalars()
points()
no_points()
