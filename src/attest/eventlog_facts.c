/* SPDX-License-Identifier: Apache-2.0 */
/* What events say that is of use: docs/spec/event-log.md, "Facts". Each kind is taken from the one
 * register it belongs to, so that what an operating system extends cannot pass for firmware's. */
#include <string.h>

#include "attest/eventlog_internal.h"

#include "base/banned.h"

/* UEFI specification, as in memory. */
static const uint8_t global_variable[16] = {0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
                                            0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c};
static const uint8_t image_security[16] = {0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45,
                                           0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f};

static const struct {
    const uint8_t *guid;
    const char *variable;
    const char *fact;
    enum ee_fact_kind kind;
} variables[] = {
    {global_variable, "SecureBoot", "secure_boot", EE_FACT_SWITCH},
    {global_variable, "PK", "secure_boot_pk", EE_FACT_BLOB},
    {global_variable, "KEK", "secure_boot_kek", EE_FACT_BLOB},
    {image_security, "db", "secure_boot_db", EE_FACT_BLOB},
    {image_security, "dbx", "secure_boot_dbx", EE_FACT_BLOB},
};

bool ee_eventlog_efi_variable(struct ee_bytes data, struct ee_efi_variable *out)
{
    struct ee_cursor c;
    struct ee_efi_variable variable;
    ee_cursor_init(&c, data);
    variable.guid = ee_cursor_take(&c, 16);
    uint64_t name_count = ee_cursor_u64le(&c), data_size = ee_cursor_u64le(&c);
    if (c.err != EE_OK || name_count > c.left / 2 || data_size > c.left)
        return false;
    variable.name = ee_cursor_bytes(&c, 2 * (size_t)name_count);
    variable.data = ee_cursor_bytes(&c, (size_t)data_size);
    if (ee_cursor_end(&c) != EE_OK)
        return false;
    *out = variable;
    return true;
}

static bool name_is(struct ee_bytes utf16, const char *ascii)
{
    size_t size = strlen(ascii);
    bool same = utf16.size == 2 * size;
    for (size_t i = 0; same && i < size; i++)
        same = utf16.data[2 * i] == (uint8_t)ascii[i] && utf16.data[2 * i + 1] == 0;
    return same;
}

static bool whole(const struct ee_measured_event *event)
{
    return event->status == EE_EVENT_DATA_CHECKED && event->content.size == event->data.size;
}

/* RTMR0: GUID and name are in the digest, so nothing here is the log's word. */
static bool firmware_fact(const struct ee_eventlog *log, const struct ee_measured_event *event,
                          struct ee_event_fact *fact)
{
    struct ee_efi_variable variable;
    if (log->separated[0] || event->type != EE_TCG_EFI_VARIABLE_DRIVER_CONFIG || !whole(event) ||
        !ee_eventlog_efi_variable(event->content, &variable))
        return false;
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        if (memcmp(variables[i].guid, variable.guid, 16) != 0 ||
            !name_is(variable.name, variables[i].variable))
            continue;
        fact->name = ee_bytes_str(variables[i].fact);
        fact->kind = variables[i].kind;
        fact->value = variable.data;
        return true;
    }
    return false;
}

static void digest_fact(const struct ee_measured_event *event, const char *name,
                        struct ee_event_fact *fact)
{
    fact->name = ee_bytes_str(name);
    fact->kind = EE_FACT_DIGEST;
    fact->value = ee_bytes_of(event->digest, sizeof(event->digest));
    fact->status = EE_EVENT_DIGEST_ONLY;
    fact->named_by_log = true;
}

/* RTMR1: digests of images are of their Authenticode form, and what the log says of them is not
 * covered. */
static bool loader_fact(const struct ee_measured_event *event, struct ee_event_fact *fact)
{
    if (event->type == EE_TCG_EFI_BOOT_SERVICES_APPLICATION) {
        digest_fact(event, "efi_image", fact);
        return true;
    }
    if (event->type != EE_TCG_EFI_GPT_EVENT || !whole(event))
        return false;
    fact->name = ee_bytes_str("gpt");
    fact->kind = EE_FACT_BLOB;
    fact->value = event->content;
    fact->named_by_log = true;
    return true;
}

/* TCG_PCClientTaggedEvent of the Linux EFI stub: the data is a fixed text, the digest is of the
 * command line in UTF-16 or of the initial file system, which are not in the log. */
static bool tagged_fact(const struct ee_measured_event *event, struct ee_event_fact *fact)
{
    enum { TAG_INITRD = 0xec, TAG_LOAD_OPTIONS = 0xed };
    static const uint8_t linux_tag[3] = {0x22, 0x3b, 0x8f};
    if (event->data.size < 8 || memcmp(event->data.data + 1, linux_tag, sizeof(linux_tag)) != 0)
        return false;
    if (event->data.data[0] != TAG_INITRD && event->data.data[0] != TAG_LOAD_OPTIONS)
        return false;
    digest_fact(
        event, event->data.data[0] == TAG_INITRD ? "initrd_digest" : "kernel_cmdline_digest", fact);
    return true;
}

static bool starts_with(struct ee_bytes bytes, const char *text)
{
    return bytes.size >= strlen(text) && memcmp(bytes.data, text, strlen(text)) == 0;
}

/* RTMR2. GRUB's words before a command are not in its digest. */
static bool kernel_fact(const struct ee_measured_event *event, struct ee_event_fact *fact)
{
    if (event->type == EE_TCG_EVENT_TAG)
        return tagged_fact(event, fact);
    if (event->type != EE_TCG_IPL || event->status != EE_EVENT_DATA_CHECKED)
        return false;
    bool kernel = starts_with(event->data, "kernel_cmdline: ");
    if (!kernel && !starts_with(event->data, "grub_cmd: "))
        return false;
    fact->name = ee_bytes_str(kernel ? "kernel_cmdline" : "grub_command");
    fact->kind = EE_FACT_TEXT;
    fact->value = event->content;
    fact->named_by_log = true;
    return true;
}

static bool printable(struct ee_bytes bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        if (bytes.data[i] < 0x20 || bytes.data[i] > 0x7e)
            return false;
    return true;
}

/* Names the system measures of itself; an app that says them later says nothing. */
static bool of_system(struct ee_bytes name)
{
    static const char *const names[] = {"app-id",       "compose-hash", "instance-id",
                                        "key-provider", "mr-kms",       "os-image-hash",
                                        "rootfs-hash",  "storage-fs",   "system-preparing",
                                        "boot-mr-done", "system-ready"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (ee_bytes_equal(name, ee_bytes_str(names[i])))
            return true;
    return false;
}

static bool dstack_fact(const struct ee_eventlog *log, const struct ee_measured_event *event,
                        struct ee_event_fact *fact)
{
    if (event->status != EE_EVENT_DATA_CHECKED || event->content.size == 0 ||
        event->name.size == 0 || !printable(event->name) ||
        (log->runtime && of_system(event->name)))
        return false;
    fact->name = event->name;
    fact->kind = printable(event->content) ? EE_FACT_TEXT : EE_FACT_BYTES;
    fact->value = event->content;
    fact->from_app = log->runtime;
    return true;
}

bool ee_eventlog_fact(const struct ee_eventlog *log, const struct ee_measured_event *event,
                      struct ee_event_fact *fact_out)
{
    struct ee_event_fact fact = {.status = EE_EVENT_DATA_CHECKED};
    bool found = false;
    if (event->rtmr == 0)
        found = firmware_fact(log, event, &fact);
    else if (event->rtmr == 1)
        found = loader_fact(event, &fact);
    else if (event->rtmr == 2)
        found = kernel_fact(event, &fact);
    else if (event->rtmr == 3 && log->kind == EE_EVENTLOG_DSTACK)
        found = dstack_fact(log, event, &fact);
    if (found)
        *fact_out = fact;
    return found;
}
