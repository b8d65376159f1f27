/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's collateral: its own file, what the control plane's evidence brings, and what the
 * control plane sends. Only what leads to a root of the genesis counts, and only what is newer. */
#include <limits.h>
#include <stdio.h>

#include "agent/state.h"
#include "base/text.h"
#include "io/clock.h"
#include "io/file.h"
#include "io/log.h"

#include "base/banned.h"

static int64_t now_s(void)
{
    return (int64_t)(ee_clock_wall_us() / 1000000);
}

static void on_lost(void *context, const uint8_t hash[EE_SHA256_SIZE], enum ee_err err)
{
    (void)context;
    EE_LOG(EE_LOG_WARN, "collateral", "a held set cannot be used any more",
           ee_log_hex("hash", hash, EE_SHA256_SIZE), ee_log_err(err));
}

enum ee_err ee_agent_collateral_open(struct ee_agent *agent)
{
    char path[PATH_MAX];
    const struct ee_collateral_store_options options = {
        .crypto = agent->crypto,
        .folder = path,
        .roots = (const uint8_t(*)[EE_P256_POINT_SIZE])agent->trust.roots,
        .root_count = agent->trust.genesis.root_count,
        .allow_simulated = agent->trust.genesis.kind == EE_NETWORK_DEVELOPMENT,
        .time_s = now_s(),
        .lost = on_lost,
    };
    int size = snprintf(path, sizeof(path), "%s/collateral", agent->options.folder);
    if (size < 0 || size >= PATH_MAX)
        return EE_TOO_LARGE;
    return ee_collateral_store_new(&options, &agent->collateral);
}

struct ee_collateral_set *ee_agent_collateral_offer(struct ee_agent *agent, struct ee_bytes text,
                                                    const char *source)
{
    char detail[EE_COLLATERAL_DETAIL_SIZE];
    enum ee_collateral_offer offer;
    struct ee_collateral_set *set = NULL;
    if (text.size == 0)
        return NULL;
    enum ee_err err = ee_collateral_store_offer(agent->collateral, text, false, true, now_s(),
                                                &offer, &set, detail);
    /* An older one is what our file becomes in the course of time. */
    if (err != EE_OK)
        EE_LOG(err == EE_STATE ? EE_LOG_DEBUG : EE_LOG_WARN, "collateral",
               "collateral is not taken", ee_log_text("from", source),
               ee_log_text("detail", detail), ee_log_err(err));
    return set;
}

void ee_agent_collateral_keep(struct ee_agent *agent, struct ee_collateral_set *set)
{
    char hash[2 * EE_SHA256_SIZE + 1];
    (void)ee_hex_encode(set->hash, sizeof(set->hash), hash);
    enum ee_err err = ee_collateral_store_keep(agent->collateral, set);
    if (err != EE_OK)
        ee_collateral_set_free(set);
    EE_LOG(err == EE_OK ? EE_LOG_INFO : EE_LOG_WARN, "collateral",
           err == EE_OK ? "newer collateral in use" : "collateral cannot be kept",
           ee_log_text("hash", hash), ee_log_err(err));
}

static void learn(struct ee_agent *agent, struct ee_bytes text, const char *source)
{
    struct ee_collateral_set *set = ee_agent_collateral_offer(agent, text, source);
    if (set)
        ee_agent_collateral_keep(agent, set);
}

void ee_agent_collateral_reload(struct ee_agent *agent)
{
    struct ee_file_data file;
    enum ee_err err = ee_file_read(agent->options.collateral_path, EE_COLLATERAL_FILE_MAX, &file);
    if (err != EE_OK) {
        EE_LOG(EE_LOG_WARN, "collateral", "the file cannot be read", ee_log_err(err));
        return;
    }
    learn(agent, ee_file_bytes(&file), "our file");
    ee_file_data_free(&file);
}

void ee_agent_on_collateral(struct ee_agent *agent, json_t *message)
{
    const json_t *text = json_object_get(message, "collateral");
    learn(agent, ee_bytes_of(json_string_value(text), json_string_length(text)),
          "the control plane");
}
