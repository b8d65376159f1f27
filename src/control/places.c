/* SPDX-License-Identifier: Apache-2.0 */
#include "control/places.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/banned.h"

void ee_places_peer(const char *address, uint8_t out[EE_PLACES_PEER_SIZE])
{
    char host[INET6_ADDRSTRLEN] = "";
    struct in6_addr v6;
    struct in_addr v4;
    const char *colon = strrchr(address, ':');
    size_t size = colon != NULL ? (size_t)(colon - address) : strlen(address);
    if (size >= 2 && address[0] == '[' && address[size - 1] == ']') {
        address++;
        size -= 2;
    }
    memset(out, 0, EE_PLACES_PEER_SIZE);
    if (size >= sizeof host)
        return;
    (void)snprintf(host, sizeof host, "%.*s", (int)size, address);
    if (inet_pton(AF_INET, host, &v4) == 1)
        memcpy(out + 4, &v4, 4);
    else if (inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_V4MAPPED(&v6))
        memcpy(out + 4, v6.s6_addr + 12, 4);
    else if (inet_pton(AF_INET6, host, &v6) == 1)
        memcpy(out, v6.s6_addr, EE_PLACES_PEER_SIZE);
}

static bool same_peer(const struct ee_place *a, const struct ee_place *b)
{
    return memcmp(a->peer, b->peer, EE_PLACES_PEER_SIZE) == 0;
}

static size_t held(const struct ee_place *taken, size_t count, const struct ee_place *by)
{
    size_t places = 0;
    for (size_t i = 0; i < count; i++)
        places += same_peer(&taken[i], by);
    return places;
}

/* The oldest place of the peer with the most. */
static size_t busiest(const struct ee_place *taken, size_t count, size_t *places_out)
{
    size_t found = count, most = 0;
    for (size_t i = 0; i < count; i++) {
        size_t places = held(taken, count, &taken[i]);
        if (places < most || (places == most && taken[i].since_us >= taken[found].since_us))
            continue;
        found = i;
        most = places;
    }
    *places_out = most;
    return found;
}

/* The oldest place, only of this peer unless it is NULL. */
static size_t oldest(const struct ee_place *taken, size_t count, const struct ee_place *of)
{
    size_t found = count;
    for (size_t i = 0; i < count; i++)
        if ((of == NULL || same_peer(&taken[i], of)) &&
            (found == count || taken[i].since_us < taken[found].since_us))
            found = i;
    return found;
}

enum ee_err ee_places_choose(const struct ee_place *taken, size_t count,
                             const struct ee_place *newcomer, size_t *displaced_out)
{
    size_t own = held(taken, count, newcomer), most = 0;
    bool peer_full = own >= EE_PLACES_PER_PEER_MAX;
    size_t victim = count;
    if (count < EE_PLACES_MAX && !peer_full) {
        *displaced_out = count;
        return EE_OK;
    }
    if (!peer_full)
        victim = busiest(taken, count, &most);
    if (peer_full || most <= own + 1) { /* shared fairly already: who had the time needed goes */
        victim = oldest(taken, count, peer_full ? newcomer : NULL);
        if (newcomer->since_us < taken[victim].since_us + (uint64_t)EE_PLACES_KEEP_MS * 1000)
            return EE_FULL;
    }
    *displaced_out = victim;
    return EE_OK;
}
