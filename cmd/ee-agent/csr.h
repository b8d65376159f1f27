/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EE_CMD_EE_AGENT_CSR_H
#define EE_CMD_EE_AGENT_CSR_H

/* What stands behind the verb: --state DIR NAME... Prints a PKCS #10 request for the agent's TLS
 * key with these names. Returns the exit code. */
int ee_agent_csr(int argc, char **argv);

#endif
