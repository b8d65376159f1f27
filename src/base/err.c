/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stddef.h>

#include "base/banned.h"

struct row {
    enum ee_err err;
    enum ee_err_class class;
    const char *name;
    const char *text;
};

static const struct row rows[] = {
#define EE_ROW(constant, name, number, class, text) {EE_##constant, EE_CLASS_##class, name, text},
    EE_ERRORS(EE_ROW)
#undef EE_ROW
};

static const struct row *row_of(enum ee_err err)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].err == err)
            return &rows[i];
    return NULL;
}

const char *ee_err_name(enum ee_err err)
{
    const struct row *row = row_of(err);
    return row ? row->name : "unknown";
}

const char *ee_err_text(enum ee_err err)
{
    const struct row *row = row_of(err);
    return row ? row->text : "an error of a newer version; update this program";
}

enum ee_err_class ee_err_class(enum ee_err err)
{
    const struct row *row = row_of(err);
    return row ? row->class : EE_CLASS_SYSTEM;
}

int ee_err_exit_code(enum ee_err err)
{
    if (err == EE_TIMEOUT)
        return 9;
    switch (ee_err_class(err)) {
    case EE_CLASS_OK:
        return 0;
    case EE_CLASS_INPUT:
        return 2;
    case EE_CLASS_MISSING:
        return 3;
    case EE_CLASS_AUTH:
        return 4;
    case EE_CLASS_RULE:
        return 5;
    case EE_CLASS_VERIFY:
        return 7;
    case EE_CLASS_CREDIT:
        return 8;
    case EE_CLASS_CAPACITY:
        return 10;
    case EE_CLASS_TEMPORARY:
        return 75;
    case EE_CLASS_SYSTEM:
        return 1;
    }
    return 1;
}

int ee_err_http_status(enum ee_err err)
{
    if (err == EE_UNAUTHENTICATED)
        return 401;
    if (err == EE_ID_CONFLICT)
        return 422;
    if (err == EE_TOO_LARGE)
        return 413;
    switch (ee_err_class(err)) {
    case EE_CLASS_OK:
        return 200;
    case EE_CLASS_INPUT:
        return 400;
    case EE_CLASS_AUTH:
        return 403;
    case EE_CLASS_MISSING:
        return 404;
    case EE_CLASS_RULE:
        return 409;
    case EE_CLASS_CREDIT:
        return 402;
    case EE_CLASS_VERIFY:
        return 422;
    case EE_CLASS_CAPACITY:
    case EE_CLASS_TEMPORARY:
        return 503;
    case EE_CLASS_SYSTEM:
        return 500;
    }
    return 500;
}
