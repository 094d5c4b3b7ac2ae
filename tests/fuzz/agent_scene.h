/* agent_scene: a unit's agent without sockets: the handlers of its API over the shipped library,
 * its store in memory and the plan of 2022, greeted by a broker in this process that journals and
 * delivers. The unit is civil-affairs: it sends, signs for what comes, keeps files of victims. The
 * education bureau has an agent too, which sent it a lead.
 *
 * Time stands still until a request waits. One scene at a time; CHECKs. */
#ifndef TESTS_FUZZ_AGENT_SCENE_H
#define TESTS_FUZZ_AGENT_SCENE_H

#include "tests/fuzz/fake_mhd.h"

#define AGENT_SCENE_TOKEN "a-token-of-32-characters-or-more"

/* Makes the scene anew. */
void agent_scene_begin(void);
/* Rows that were written to the unit's store since it was made, ever growing. */
uint64_t agent_scene_writes(void);
/* One request, as of fake_mhd_request; a "!" before it: over TCP, else over the socket. In it stand
 * for ids: $in the lead that came, which is its thread too; $out a message that was sent; $last the
 * "id" of the answer before. What it sends travels at once. */
void agent_scene_request(struct bytes text, struct fake_mhd_answer *ret);

#endif
