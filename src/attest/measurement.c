/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/measurement.h"

#include <string.h>

#include "base/banned.h"

const char *ee_role_name(enum ee_role role)
{
    switch (role) {
    case EE_ROLE_CONTROL:
        return "control";
    case EE_ROLE_AGENT:
        return "agent";
    case EE_ROLE_WITNESS:
        return "witness";
    }
    return NULL;
}

bool ee_role_valid(unsigned number)
{
    return number >= EE_ROLE_CONTROL && number <= EE_ROLE_WITNESS;
}

void ee_measurement_write(struct ee_writer *w, const struct ee_measurement *measurement)
{
    ee_writer_bytes(w, measurement->mrtd, sizeof(measurement->mrtd));
    for (size_t i = 0; i < 3; i++)
        ee_writer_bytes(w, measurement->rtmr[i], sizeof(measurement->rtmr[i]));
}

void ee_measurement_read(struct ee_cursor *c, struct ee_measurement *out)
{
    ee_cursor_copy(c, out->mrtd, sizeof(out->mrtd));
    for (size_t i = 0; i < 3; i++)
        ee_cursor_copy(c, out->rtmr[i], sizeof(out->rtmr[i]));
}

bool ee_measurement_equal(const struct ee_measurement *a, const struct ee_measurement *b)
{
    return memcmp(a->mrtd, b->mrtd, sizeof(a->mrtd)) == 0 &&
           memcmp(a->rtmr, b->rtmr, sizeof(a->rtmr)) == 0;
}

void ee_measurement_digest(const struct ee_crypto *crypto, const struct ee_measurement *measurement,
                           uint8_t out[EE_SHA256_SIZE])
{
    uint8_t buffer[64 + EE_MEASUREMENT_ENCODED_SIZE];
    struct ee_writer w;
    ee_writer_init(&w, buffer, sizeof(buffer));
    ee_writer_label(&w, "ee-measurement", 1);
    ee_measurement_write(&w, measurement);
    const struct ee_bytes bytes = ee_writer_done(&w);
    crypto->sha256(&bytes, 1, out);
}

void ee_measurement_allowed_write(struct ee_writer *w, const struct ee_measurement_allowed *allowed)
{
    ee_writer_u8(w, (uint8_t)allowed->role);
    ee_writer_bytes(w, allowed->digest, sizeof(allowed->digest));
    ee_writer_text(w, allowed->label);
}

void ee_measurement_allowed_read(struct ee_cursor *c, struct ee_measurement_allowed *out)
{
    unsigned role = ee_cursor_u8(c);
    if (c->err == EE_OK && !ee_role_valid(role))
        c->err = EE_UNSUPPORTED;
    out->role = (enum ee_role)role;
    ee_cursor_copy(c, out->digest, sizeof(out->digest));
    ee_cursor_text(c, out->label, sizeof(out->label));
}

const struct ee_measurement_allowed *ee_measurement_find(const struct ee_crypto *crypto,
                                                         const struct ee_measurement_allowed *list,
                                                         size_t count, enum ee_role role,
                                                         const struct ee_measurement *measurement)
{
    uint8_t digest[EE_SHA256_SIZE];
    ee_measurement_digest(crypto, measurement, digest);
    for (size_t i = 0; i < count; i++)
        if (list[i].role == role && memcmp(list[i].digest, digest, sizeof(digest)) == 0)
            return &list[i];
    return NULL;
}
