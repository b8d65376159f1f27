/* SPDX-License-Identifier: Apache-2.0 */
/* A quote generation service for tests, on a unix socket, that also misbehaves. One thread; one
 * connection at a time. */
#ifndef EE_TESTS_FAKE_QGS_H
#define EE_TESTS_FAKE_QGS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum fake_qgs_mode {
    QGS_HONEST,
    QGS_WITH_KEY_ID,       /* names the attestation key it chose; allowed */
    QGS_REFUSES,           /* error code, no quote */
    QGS_REFUSES_STRANGELY, /* an error code nobody knows */
    QGS_EMPTY_QUOTE,
    QGS_SILENT,     /* takes the request, never answers */
    QGS_SLOW_BYTES, /* honest, but in pieces of a few bytes */
    QGS_CLOSES_AT_ONCE,
    QGS_CLOSES_IN_LENGTH,
    QGS_CLOSES_IN_MESSAGE,
    QGS_LENGTH_ZERO,
    QGS_LENGTH_HUGE,      /* 4 GiB - 1 */
    QGS_LENGTH_BEYOND,    /* one byte above the limit */
    QGS_SIZE_DIFFERS,     /* the header's size is not the outer length */
    QGS_QUOTE_SIZE_WRONG, /* inner sizes beyond the message */
    QGS_QUOTE_SIZE_SHORT, /* bytes left over behind the quote */
    QGS_ID_SIZE_WRAPS,    /* id size + quote size overflows 32 bits */
    QGS_OTHER_TYPE,
    QGS_OTHER_VERSION,
    QGS_OTHER_MINOR, /* a newer minor version: fine */
};

/* Fills the quote for a TD report; returns its size. */
typedef size_t (*fake_qgs_quote_fn)(void *context, const uint8_t report[1024], uint8_t *out,
                                    size_t capacity);

struct fake_qgs {
    char folder[64], path[96];
    _Atomic enum fake_qgs_mode mode;
    fake_qgs_quote_fn quote; /* NULL: 600 bytes that repeat the report data */
    void *context;
    int listener;
    atomic_bool stop;
    atomic_uint requests, bad_requests;
    pthread_t thread;
};

/* False: no socket. */
_Bool fake_qgs_start(struct fake_qgs *qgs, fake_qgs_quote_fn quote, void *context);
void fake_qgs_stop(struct fake_qgs *qgs);

#endif
