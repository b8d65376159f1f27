/* SPDX-License-Identifier: Apache-2.0 */
#include "control/histories.h"

#include <stdio.h>

#include "control/read_model.h"
#include "control/vault.h"
#include "control/webhooks.h"
#include "io/log.h"

#include "base/banned.h"

enum { PATH_SIZE = 1024 };

static enum ee_err join(const char *folder, const char *name, char out[PATH_SIZE])
{
    int length = snprintf(out, PATH_SIZE, "%s/%s", folder, name);
    return length > 0 && length < PATH_SIZE ? EE_OK : EE_TOO_LARGE;
}

/* The disk is the host's: the rows of a production network stay in the TD's memory, from where they
 * are lost with it and built anew. */
static enum ee_err read_model_path(const struct ee_control *control, char out[PATH_SIZE])
{
    char network[17];
    if (control->trust.genesis.kind != EE_NETWORK_PRODUCTION)
        return join(control->state_folder, "read.db", out);
    int length = snprintf(out, PATH_SIZE, "/dev/shm/ee-read-%s.db",
                          ee_hex_encode(control->trust.network_id, 8, network));
    return length > 0 && length < PATH_SIZE ? EE_OK : EE_TOO_LARGE;
}

static enum ee_err open_read_model(struct ee_control *control)
{
    char path[PATH_SIZE];
    EE_TRY(read_model_path(control, path));
    struct ee_read_model_options options = {.allocator = control->allocator,
                                            .crypto = control->crypto,
                                            .loop = control->loop,
                                            .journal = control->journal,
                                            .path = path};
    return ee_read_model_new(&options, &control->read_model);
}

/* Without webhooks the network runs all the same. */
static enum ee_err open_webhooks(struct ee_control *control, const char *ca_path)
{
    char path[PATH_SIZE];
    bool sealed = ee_vault_ready(control->vault);
    const struct ee_journal_seal *seal = sealed ? ee_vault_journal_seal(control->vault) : NULL;
    EE_TRY(join(control->state_folder, "webhooks.db", path));
    enum ee_err err = ee_webhooks_new(control, path, ca_path, seal, &control->webhooks);
    if (err != EE_OK)
        EE_LOG(EE_LOG_ERROR, "webhooks", "there are none until this is cured",
               ee_log_text("file", path), ee_log_err(err));
    return EE_OK;
}

enum ee_err ee_histories_open(struct ee_control *control, const char *webhook_ca_path)
{
    EE_TRY(open_read_model(control));
    return open_webhooks(control, webhook_ca_path);
}

void ee_histories_close(struct ee_control *control)
{
    ee_webhooks_free(control->webhooks);
    control->webhooks = NULL;
    ee_read_model_free(control->read_model);
    control->read_model = NULL;
}
