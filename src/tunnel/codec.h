/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the payload codecs. */
#ifndef EE_TUNNEL_CODEC_H
#define EE_TUNNEL_CODEC_H

#include "tunnel/frame.h"

/* Writes a header whose size is filled in by ee_tunnel_frame_end, which also checks the limit. */
size_t ee_tunnel_frame_begin(struct ee_writer *w, enum ee_tunnel_type type, uint8_t flags,
                             uint32_t stream);
void ee_tunnel_frame_end(struct ee_writer *w, size_t at);

/* Makes `err` sticky unless there is one. */
void ee_tunnel_writer_fail(struct ee_writer *w, enum ee_err err);
void ee_tunnel_cursor_fail(struct ee_cursor *c, enum ee_err err);

bool ee_tunnel_printable(struct ee_bytes text); /* 0x20..0x7e */

/* u8 size, printable bytes; EE_TOO_LARGE above `limit` (<= 255), EE_SYNTAX. */
struct ee_bytes ee_tunnel_text_read(struct ee_cursor *c, size_t limit);
void ee_tunnel_text_write(struct ee_writer *w, struct ee_bytes text, size_t limit);

#endif
