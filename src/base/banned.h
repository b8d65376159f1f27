/* SPDX-License-Identifier: Apache-2.0 */
/* Calls nobody here makes: unbounded copies, hidden state, silent conversion. Include last in a .c
 * file's includes. */
#ifndef EE_BASE_BANNED_H
#define EE_BASE_BANNED_H

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets atoi atol atof strtok

#endif
