/* SPDX-License-Identifier: Apache-2.0 */
/* Which evidence documents there are, the oldest first, so that letting one go needs no look at
 * the folder. A ring that grows; 40 bytes a document. */
#ifndef EE_CONTROL_EVIDENCE_QUEUE_H
#define EE_CONTROL_EVIDENCE_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "base/crypto.h"
#include "base/err.h"

struct ee_evidence_age {
    int64_t stored_s; /* since 1970 */
    uint8_t hash[EE_SHA256_SIZE];
};

struct ee_evidence_queue { /* zero: empty */
    struct ee_evidence_age *ring;
    size_t first, count, capacity;
};

/* Makes room for one more, so that a push cannot fail. EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_evidence_queue_reserve(struct ee_evidence_queue *queue);
void ee_evidence_queue_push(struct ee_evidence_queue *queue, const struct ee_evidence_age *age);
/* NULL: empty. Valid until the next change. */
const struct ee_evidence_age *ee_evidence_queue_first(const struct ee_evidence_queue *queue);
void ee_evidence_queue_pop(struct ee_evidence_queue *queue);
/* By age, before anything was popped. */
void ee_evidence_queue_sort(struct ee_evidence_queue *queue);
void ee_evidence_queue_close(struct ee_evidence_queue *queue);

#endif
