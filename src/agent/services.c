/* SPDX-License-Identifier: Apache-2.0 */
/* Loopback services that the operator named for a development network: offered to the control plane
 * after each admission, reached by an instance of their own instead of a lease. */
#include <string.h>

#include "agent/state.h"
#include "base/text.h"
#include "io/random.h"

#include "base/banned.h"

void ee_agent_services_init(struct ee_agent *agent)
{
    ee_random_bytes(agent->service_base, sizeof(agent->service_base));
}

static void instance_of(const struct ee_agent *agent, size_t index, uint8_t out[EE_ID_SIZE])
{
    memcpy(out, agent->service_base, EE_ID_SIZE);
    out[EE_ID_SIZE - 1] = (uint8_t)index;
}

const struct ee_agent_service *ee_agent_service_find(const struct ee_agent *agent,
                                                     const uint8_t instance[EE_ID_SIZE])
{
    size_t index = instance[EE_ID_SIZE - 1];
    if (index >= agent->options.service_count ||
        memcmp(instance, agent->service_base, EE_ID_SIZE - 1) != 0)
        return NULL;
    return &agent->options.services[index];
}

void ee_agent_services_offer(struct ee_agent *agent)
{
    if (agent->options.service_count == 0)
        return;
    json_t *list = json_array();
    for (size_t i = 0; i < agent->options.service_count; i++) {
        uint8_t instance[EE_ID_SIZE];
        char text[2 * EE_ID_SIZE + 1];
        instance_of(agent, i, instance);
        const struct ee_agent_service *service = &agent->options.services[i];
        json_t *item = json_pack("{s:s, s:s, s:b}", "name", service->name, "instance",
                                 ee_hex_encode(instance, EE_ID_SIZE, text), "passthrough",
                                 (int)service->passthrough);
        if (service->sticky[0] != '\0')
            (void)json_object_set_new(item, "sticky", json_string(service->sticky));
        (void)json_array_append_new(list, item);
    }
    ee_agent_send(agent, json_pack("{s:s, s:o}", "type", "services", "services", list));
}
