/* SPDX-License-Identifier: Apache-2.0 */
#include "control/owing.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "control/json.h"
#include "control/liabilities_book.h"
#include "io/log.h"

#include "base/banned.h"

/* A tree with what it was made of; sorted. */
struct made {
    struct ee_tlog_sum_item *items;
    uint64_t count, of_seq;
    uint64_t seq; /* of the command that said the root; 0: not yet */
    uint8_t secret[32];
    struct ee_tlog_sum_tree tree;
};

struct ee_owing {
    struct ee_control *control;
    struct ee_timer *timer;
    struct ee_wakeup *wakeup;
    pthread_t thread;
    bool working;         /* the thread has what is below, but `newest` */
    struct ee_owed *room; /* made first, then filled */
    size_t accounts, capacity;
    enum ee_err err;
    struct made next; /* of_seq 0: nothing is marked yet */
    struct made newest;
};

static void made_free(struct made *made)
{
    ee_tlog_sum_free(&made->tree);
    free(made->items);
    memset(made, 0, sizeof(*made));
}

static enum ee_err submit(struct ee_owing *owing, const struct ee_liabilities *payload,
                          ee_answer_fn fn)
{
    uint8_t memory[128];
    struct ee_writer w;
    ee_writer_init(&w, memory, sizeof(memory));
    EE_TRY(ee_liabilities_encode(payload, &w));
    return ee_control_submit(owing->control, EE_COMMAND_LIABILITIES, ee_writer_done(&w), fn, owing);
}

/* Room for what will be copied; once that was marked, the tree. */
static void *work(void *context)
{
    struct ee_owing *owing = context;
    struct made *next = &owing->next;
    if (next->of_seq == 0) {
        owing->room = ee_liabilities_room(owing->accounts, &owing->capacity);
        owing->err = owing->room != NULL ? EE_OK : EE_NO_MEMORY;
    } else {
        owing->err = ee_liabilities_items(owing->room, next->count, &next->items);
        if (owing->err == EE_OK)
            owing->err =
                ee_tlog_sum_build(owing->control->crypto, &ee_allocator_system, next->secret,
                                  next->of_seq, next->items, next->count, &next->tree);
    }
    ee_wakeup_send(owing->wakeup);
    return NULL;
}

static enum ee_err work_start(struct ee_owing *owing)
{
    owing->working = true;
    if (pthread_create(&owing->thread, NULL, work, owing) == 0)
        return EE_OK;
    owing->working = false;
    return EE_IO;
}

static void give_up(struct ee_owing *owing, enum ee_err err)
{
    if (err != EE_OK)
        EE_LOG(EE_LOG_WARN, "liabilities", "no proof this time", ee_log_err(err));
    made_free(&owing->next);
    free(owing->room);
    owing->room = NULL;
}

/* Commands are taken, and somebody is there to be owed something. */
static bool may_begin(const struct ee_control *control)
{
    return !control->rolled_back && !control->anchoring && !control->stopping &&
           ee_core_account_at(ee_control_core(control), 0) != NULL;
}

static void on_said(void *context, const struct ee_answer *answer)
{
    struct ee_owing *owing = context;
    if (answer->err != EE_OK || owing->next.items == NULL) {
        made_free(&owing->next);
        return;
    }
    made_free(&owing->newest);
    owing->newest = owing->next;
    owing->newest.seq = answer->seq;
    memset(&owing->next, 0, sizeof(owing->next));
    EE_LOG(EE_LOG_INFO, "liabilities", "what is owed was summed up",
           ee_log_unsigned("seq", answer->seq), ee_log_unsigned("accounts", owing->newest.count),
           ee_log_unsigned("total_micros", owing->newest.tree.root.sum));
}

/* The state is marked by a command, and copied before the next one can come. */
static enum ee_err mark(struct ee_owing *owing)
{
    const struct ee_core *core = ee_control_core(owing->control);
    const struct ee_liabilities payload = {.of_seq = 0};
    struct made *next = &owing->next;
    if (!may_begin(owing->control))
        return EE_STATE;
    EE_TRY(submit(owing, &payload, NULL));
    EE_TRY(ee_liabilities_copy(core, owing->room, owing->capacity, &next->count));
    memcpy(next->secret, ee_core_liability_secret(core), sizeof(next->secret));
    next->of_seq = ee_core_liabilities_marked(core)->of_seq;
    return work_start(owing);
}

/* The tree is there: its root. */
static enum ee_err say(struct ee_owing *owing)
{
    const struct made *next = &owing->next;
    struct ee_liabilities payload = {.of_seq = next->of_seq, .count = next->count};
    payload.total.micros = (int64_t)next->tree.root.sum;
    memcpy(payload.root, next->tree.root.hash.bytes, sizeof(payload.root));
    free(owing->room);
    owing->room = NULL;
    return submit(owing, &payload, on_said);
}

static void on_worked(void *context)
{
    struct ee_owing *owing = context;
    if (!owing->working)
        return;
    (void)pthread_join(owing->thread, NULL);
    owing->working = false;
    enum ee_err err = owing->err;
    if (err == EE_OK)
        err = owing->next.of_seq == 0 ? mark(owing) : say(owing);
    if (err != EE_OK)
        give_up(owing, err);
}

static void turn(void *context)
{
    struct ee_owing *owing = context;
    if (owing->working || !may_begin(owing->control))
        return;
    give_up(owing, EE_OK); /* what an earlier turn did not bring to its end */
    owing->accounts = ee_core_book_count(ee_control_core(owing->control));
    enum ee_err err = work_start(owing);
    if (err != EE_OK)
        give_up(owing, err);
}

enum ee_err ee_owing_new(struct ee_control *control, uint64_t every_s, struct ee_owing **out)
{
    struct ee_owing *owing = calloc(1, sizeof(*owing));
    if (owing == NULL)
        return EE_NO_MEMORY;
    owing->control = control;
    enum ee_err err = ee_wakeup_new(control->loop, on_worked, owing, &owing->wakeup);
    if (err == EE_OK)
        err = ee_timer_new(control->loop, turn, owing, &owing->timer);
    if (err != EE_OK) {
        ee_owing_free(owing);
        return err;
    }
    ee_timer_start(owing->timer, EE_OWING_FIRST_MS,
                   (every_s != 0 ? every_s : EE_OWING_EVERY_S) * 1000);
    *out = owing;
    return EE_OK;
}

void ee_owing_free(struct ee_owing *owing)
{
    if (owing == NULL)
        return;
    if (owing->working)
        (void)pthread_join(owing->thread, NULL);
    if (owing->control->sequencer != NULL)
        ee_sequencer_forget(owing->control->sequencer, owing);
    ee_timer_free(owing->timer);
    ee_wakeup_free(owing->wakeup);
    give_up(owing, EE_OK);
    made_free(&owing->newest);
    free(owing);
}

uint64_t ee_owing_seq(const struct ee_owing *owing)
{
    return owing != NULL ? owing->newest.seq : 0;
}

static json_t *path_json(const struct ee_tlog_sum_path *path)
{
    json_t *list = json_array();
    for (size_t i = 0; i < path->count; i++)
        json_array_append_new(list,
                              json_pack("{s:o, s:o}", "hash",
                                        ee_json_hex(path->nodes[i].hash.bytes, EE_TLOG_HASH_SIZE),
                                        "sum", ee_json_u64(path->nodes[i].sum)));
    return list;
}

enum ee_err ee_owing_proof(const struct ee_owing *owing, const char *account, json_t **out)
{
    struct ee_owed owed;
    struct ee_tlog_sum_path path;
    uint8_t salt[32], blinded[32];
    uint64_t index;
    const struct made *made = &owing->newest;
    const struct ee_crypto *crypto = owing->control->crypto;
    if (made->seq == 0)
        return EE_NOT_FOUND;
    EE_TRY(ee_core_owed_of(ee_control_core(owing->control), account, &owed));
    ee_tlog_sum_salt(crypto, made->secret, made->of_seq, owed.id, salt);
    ee_tlog_sum_blind(crypto, salt, owed.id, blinded);
    EE_TRY(ee_tlog_sum_find(made->items, made->count, blinded, &index));
    EE_TRY(ee_tlog_sum_path(&made->tree, index, &path));
    *out =
        json_pack("{s:i, s:o, s:o, s:o, s:o}", "code", (int)made->items[index].code, "salt",
                  ee_json_hex(salt, sizeof salt), "amount", ee_json_u64(made->items[index].amount),
                  "index", ee_json_u64(index), "path", path_json(&path));
    return EE_OK;
}
