/* SPDX-License-Identifier: Apache-2.0 */
/* sim-files FOLDER healthy|forged: writes quote.bin, collateral.json and root.pem of a simulated
 * platform, valid at RIG_NOW_S, for tests of installed programs. */
#include <stdio.h>
#include <string.h>

#include "rig.h"

static bool file_write(const char *folder, const char *name, const void *data, size_t size)
{
    char path[1024];
    if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
        return false;
    FILE *out = fopen(path, "wb");
    bool ok = out && fwrite(data, 1, size, out) == size;
    return out && fclose(out) == 0 && ok;
}

int main(int argc, char **argv)
{
    char pem[EE_SIM_PEM_MAX];
    if (argc != 3)
        return 2;
    struct rig *rig =
        rig_new(strcmp(argv[2], "forged") == 0 ? EE_SIM_QUOTE_FORGED : EE_SIM_HEALTHY, NULL);
    if (!rig)
        return 1;
    size_t pem_size = ee_sim_cert_pem(&rig->authority.root, pem, sizeof(pem));
    bool ok = file_write(argv[1], "quote.bin", rig->quote, rig->quote_size) &&
              file_write(argv[1], "collateral.json", rig->collateral, rig->collateral_size) &&
              file_write(argv[1], "root.pem", pem, pem_size);
    rig_free(rig);
    printf("%d\n", RIG_NOW_S);
    return ok ? 0 : 1;
}
