/* SPDX-License-Identifier: Apache-2.0 */
#include "io/x509_chain.h"

#include <ctype.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/banned.h"

static int no_passphrase(char *out, int size, int writing, void *context)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

static void release(X509 *const certificates[EE_X509_CHAIN_MAX], size_t count)
{
    for (size_t i = 0; i < count; i++)
        X509_free(certificates[i]);
}

static enum ee_err read_all(struct ee_bytes pem, X509 *out[EE_X509_CHAIN_MAX], size_t *count_out)
{
    if (pem.size == 0 || pem.size > EE_X509_CHAIN_FILE_MAX)
        return pem.size == 0 ? EE_SYNTAX : EE_TOO_LARGE;
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.size);
    X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, no_passphrase, NULL) : NULL;
    size_t count = 0;
    enum ee_err err = EE_OK;
    while (certificate && err == EE_OK) {
        if (count == EE_X509_CHAIN_MAX) {
            X509_free(certificate);
            err = EE_TOO_LARGE;
            break;
        }
        out[count++] = certificate;
        certificate = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
    }
    /* The end of the text reads as "no start line"; anything else is a broken certificate. */
    if (err == EE_OK &&
        (count == 0 || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE))
        err = EE_SYNTAX;
    BIO_free(bio);
    ERR_clear_error();
    if (err != EE_OK)
        release(out, count);
    else
        *count_out = count;
    return err;
}

static bool seconds_of(const ASN1_TIME *time, int64_t *out)
{
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days = 0, seconds = 0;
    bool ok = epoch && ASN1_TIME_diff(&days, &seconds, epoch, time) == 1;
    ASN1_TIME_free(epoch);
    if (ok)
        *out = (int64_t)days * 86400 + seconds;
    return ok;
}

static enum ee_err times_read(X509 *const certificates[], size_t count, struct ee_x509_chain *out)
{
    out->not_before = INT64_MIN;
    out->not_after = INT64_MAX;
    for (size_t i = 0; i < count; i++) {
        int64_t from, until;
        if (!seconds_of(X509_get0_notBefore(certificates[i]), &from) ||
            !seconds_of(X509_get0_notAfter(certificates[i]), &until))
            return EE_SYNTAX;
        out->not_before = from > out->not_before ? from : out->not_before;
        out->not_after = until < out->not_after ? until : out->not_after;
    }
    return EE_OK;
}

static enum ee_err order_check(X509 *const certificates[], size_t count)
{
    for (size_t i = 0; i + 1 < count; i++) {
        EVP_PKEY *issuer_key = X509_get0_pubkey(certificates[i + 1]);
        bool ok = X509_check_issued(certificates[i + 1], certificates[i]) == X509_V_OK &&
                  issuer_key && X509_verify(certificates[i], issuer_key) == 1;
        ERR_clear_error();
        if (!ok)
            return EE_CERTIFICATE_CHAIN;
    }
    return EE_OK;
}

/* Letters, digits, '-', '_' and '.', in lower case, with one leading "*." at most. */
static bool name_take(const unsigned char *text, int size, char out[EE_X509_NAME_SIZE])
{
    int at = size > 2 && text[0] == '*' && text[1] == '.' ? 2 : 0;
    if (size - at < 1 || size >= EE_X509_NAME_SIZE || text[at] == '.')
        return false;
    for (int i = at; i < size; i++)
        if (!isalnum(text[i]) && text[i] != '-' && text[i] != '_' && text[i] != '.')
            return false;
    for (int i = 0; i < size; i++)
        out[i] = (char)tolower(text[i]);
    out[size] = '\0';
    return true;
}

static enum ee_err names_take(const GENERAL_NAMES *list, struct ee_x509_chain *out)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(list); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(list, i);
        if (name->type != GEN_DNS)
            continue;
        if (out->name_count == EE_X509_LEAF_NAMES_MAX)
            return EE_TOO_LARGE;
        if (!name_take(ASN1_STRING_get0_data(name->d.dNSName), ASN1_STRING_length(name->d.dNSName),
                       out->names[out->name_count]))
            return EE_CERTIFICATE_NAMES;
        out->name_count++;
    }
    return out->name_count > 0 ? EE_OK : EE_CERTIFICATE_NAMES;
}

static enum ee_err leaf_read(X509 *leaf, struct ee_x509_chain *out)
{
    uint8_t *der = NULL;
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &der);
    bool ok =
        size > 0 && EVP_Digest(der, (size_t)size, out->key_hash, NULL, EVP_sha256(), NULL) == 1;
    OPENSSL_free(der);
    if (!ok)
        return EE_SYNTAX;
    if (X509_NAME_get_text_by_NID(X509_get_issuer_name(leaf), NID_commonName, out->issuer,
                                  (int)sizeof(out->issuer)) < 0)
        out->issuer[0] = '\0';
    GENERAL_NAMES *list = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    enum ee_err err = names_take(list, out);
    GENERAL_NAMES_free(list);
    ERR_clear_error();
    return err;
}

enum ee_err ee_x509_chain_read(struct ee_bytes pem, struct ee_x509_chain *out)
{
    X509 *certificates[EE_X509_CHAIN_MAX];
    size_t count = 0;
    EE_TRY(read_all(pem, certificates, &count));
    memset(out, 0, sizeof(*out));
    out->certificate_count = count;
    enum ee_err err = order_check(certificates, count);
    if (err == EE_OK)
        err = times_read(certificates, count, out);
    if (err == EE_OK)
        err = leaf_read(certificates[0], out);
    release(certificates, count);
    return err;
}

static bool same(const char *lower, const char *text)
{
    while (*lower && *lower == (char)tolower((unsigned char)*text)) {
        lower++;
        text++;
    }
    return *lower == '\0' && *text == '\0';
}

bool ee_x509_chain_covers(const struct ee_x509_chain *chain, const char *name)
{
    const char *dot = strchr(name, '.');
    for (size_t i = 0; i < chain->name_count; i++) {
        const char *own = chain->names[i];
        if (same(own, name) ||
            (own[0] == '*' && dot && dot != name && name[0] != '*' && same(own + 1, dot)))
            return true;
    }
    return false;
}
