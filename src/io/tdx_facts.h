/* SPDX-License-Identifier: Apache-2.0 */
/* What this machine offers of TDX, looked at without asking for a quote. */
#ifndef EE_IO_TDX_FACTS_H
#define EE_IO_TDX_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { EE_TDX_KERNEL_SIZE = 65 };

/* Where things are. */
struct ee_tdx_paths {
    const char *configfs;     /* EE_TDX_CONFIGFS_FOLDER */
    const char *guest;        /* EE_TDX_GUEST_PATH */
    const char *measurements; /* EE_TDX_RTMR_FOLDER */
    const char *qgs_config;   /* EE_TDX_QGS_CONFIG */
    const char *cpuinfo;      /* "/proc/cpuinfo" */
    const char *tpm;          /* "/dev/tpmrm0" */
    const char *kernel;       /* NULL: uname(2)'s release */
};
extern const struct ee_tdx_paths ee_tdx_paths_system;

struct ee_tdx_facts {
    char kernel[EE_TDX_KERNEL_SIZE]; /* release */
    unsigned kernel_major, kernel_minor;
    bool cpu_is_tdx_guest; /* the kernel says it runs in a TD */
    bool configfs_mounted; /* the folder above tsm/report's is there */
    bool configfs_reports; /* tsm/report is there */
    bool guest_device;     /* /dev/tdx_guest is there */
    bool guest_accessible; /* and may be opened by us */
    bool measurements;     /* rtmr3:sha384 is there */
    bool measurements_writable;
    bool qgs_configured; /* the configuration file names a port */
    uint32_t qgs_port;
    bool paravisor; /* an Azure paravisor: its report lies in the vTPM */
    bool is_root;
    uint32_t vcpus; /* online */
};

void ee_tdx_facts_gather(const struct ee_tdx_paths *paths, struct ee_tdx_facts *out);

/* ---- the paravisor's report, apart for its test ---- */

/* One TPM command and its answer; returns the answer's size or -errno. */
typedef ssize_t (*ee_tpm_transact_fn)(void *context, const uint8_t *command, size_t size,
                                      uint8_t *out, size_t capacity);
/* NV index 0x01400001 starts with "HCLA" (Azure "hardware compatibility layer" report). */
bool ee_tdx_paravisor_found(ee_tpm_transact_fn transact, void *context);

#endif
