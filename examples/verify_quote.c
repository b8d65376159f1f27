/* SPDX-License-Identifier: Apache-2.0 */
/* Verifies a TDX quote with libeasyenclave-verify: verify-quote QUOTE COLLATERAL [TIME [ROOTS.pem]]
 * cc verify_quote.c $(pkg-config --cflags --libs easyenclave-verify) */
#include <easyenclave/verify.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static size_t file_read(const char *path, void *out, size_t capacity)
{
    FILE *in = fopen(path, "rb");
    size_t size = in ? fread(out, 1, capacity, in) : 0;
    if (in)
        fclose(in);
    return size;
}

int main(int argc, char **argv)
{
    static char quote[EE_VERIFY_QUOTE_MAX], collateral[EE_VERIFY_COLLATERAL_MAX], pem[16384];
    char text[EE_VERIFY_FINDING_TEXT_SIZE];
    if (argc < 3 || argc > 5)
        return fprintf(stderr, "usage: %s QUOTE COLLATERAL [TIME [ROOTS.pem]]\n", argv[0]), 2;

    size_t context_size = ee_verify_context_size(NULL), result_size = ee_verify_result_size();
    void *context_memory = malloc(context_size), *result_memory = malloc(result_size);
    struct ee_verify_context *context = ee_verify_context_init(context_memory, context_size, NULL);
    struct ee_verify_result *result = ee_verify_result_init(result_memory, result_size);
    if (!context || !result)
        return 1;
    if (argc == 5 && /* else Intel's production root */
        ee_verify_context_set_roots_pem(context, pem, file_read(argv[4], pem, sizeof(pem))) != 0)
        return fprintf(stderr, "%s: not a PEM file of roots\n", argv[4]), 2;

    static struct ee_verify_quote_request request; /* zeroed */
    request.struct_size = sizeof(request);
    request.quote = quote;
    request.quote_size = file_read(argv[1], quote, sizeof(quote));
    request.collateral = collateral;
    request.collateral_size = file_read(argv[2], collateral, sizeof(collateral));
    request.time_s = argc > 3 ? strtoll(argv[3], NULL, 10) : (long long)time(NULL);
    /* A service that asked for this quote also sets request.report_data to what it must hold. */
    int error = ee_verify_quote(context, &request, result);

    static struct ee_verify_finding finding;
    finding.struct_size = sizeof(finding);
    for (size_t i = 0; ee_verify_result_finding(result, i, &finding, text, sizeof(text)) == 0; i++)
        printf("%s %s: %s\n", finding.error ? "failure" : "advice", finding.id, text);
    const uint8_t *mrtd = ee_verify_result_register(result, EE_VERIFY_REGISTER_MRTD);
    for (int i = 0; mrtd && i < EE_VERIFY_REGISTER_SIZE; i++)
        printf("%s%02x%s", i ? "" : "mrtd ", mrtd[i], i == 47 ? "\n" : "");
    printf("%s %s\n", error ? "REJECT" : "OK",
           error ? ee_verify_result_reason(result)
                 : ee_verify_status_name(ee_verify_result_status(result)));
    free(context_memory);
    free(result_memory);
    return error ? 7 : 0;
}
