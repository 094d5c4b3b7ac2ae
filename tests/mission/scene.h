/* scene: what the mission's rows are tried on. The plan's own tables, the routing function, the
 * checks of both ends on a section, and the broker's core with every unit of the district.
 *
 * Every function fails the running test itself when something is not as it was said to be. Not for
 * several threads. */
#ifndef TESTS_MISSION_SCENE_H
#define TESTS_MISSION_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "broker/core/core.h"
#include "proto/payload/payload.h"
#include "proto/plan/lifecycle.h"
#include "proto/plan/plan.h"
#include "proto/plan/route.h"
#include "tests/lib/district.h"

#define SCENE_STREET       "st-chunhua"
#define SCENE_AREA         "120102006" /* of that street */
#define SCENE_OTHER_STREET "st-dongxin"

enum { SCENE_LETTER_COUNT_MAX = 256, SCENE_LEG_COUNT_MAX = 512 };

/* One broker and district, made anew by each test that wants them (scene_set_up). */
struct scene {
    struct district *district;
    const struct plan *plan;
    struct core *core;
    struct district_letter *letters[SCENE_LETTER_COUNT_MAX];
    uint64_t indexes[SCENE_LETTER_COUNT_MAX]; /* of their records */
    size_t letter_count;
    struct buf *records; /* all that were folded, from the first on */
    size_t record_count, record_cap;
};

int scene_set_up(void **state);
int scene_tear_down(void **state);
#define scene_test(name) cmocka_unit_test_setup_teardown(name, scene_set_up, scene_tear_down)

/* ---- tables ----------------------------------------------------------------------------------*/
const struct plan_kind *scene_kind(const struct scene *scene, const char *kind);
/* Who receives it, in order: "police-hedong!summary+full womens-federation=summary"; ! must sign,
 * = has a copy; "-": the header alone. A refusal is its code's name. Valid until the next call. */
const char *scene_route(const struct scene *scene, const char *kind, const char *topic,
                        const char *area, const char *from);
/* The whole route, word for word. */
void expect_route(const struct scene *scene, const char *kind, const char *topic, const char *from,
                  const char *expected);
/* What one recipient has in it: '!', '=', or 0 for none. */
char scene_role(const struct scene *scene, const char *kind, const char *topic, const char *from,
                const char *unit);
/* Exactly these units may send the kind with this topic (NULL: with some topic or none); `units`
 * with blanks between, "any": all of them. */
void expect_senders(const struct scene *scene, const char *kind, const char *topic,
                    const char *units);
/* Sends every kind with every topic from every unit that may, over routes alone. */
void scene_each_route(const struct scene *scene,
                      void (*each)(const struct scene *scene, const struct route *route,
                                   const char *topic, const char *from, void *ctx),
                      void *ctx);

/* ---- what a section may hold -----------------------------------------------------------------*/
/* The example of a kind's section with `changes` put in (JSON with ' for "; null takes a field
 * out), through the check of the sending end and again, as bytes, through that of the receiving
 * end: both must say `code` and name `field` ("" where it is 0 and nothing is remarked). Code 0
 * with a field: it travels as stated, and the field is remarked. */
void expect_section(const struct scene *scene, const char *kind, const char *topic,
                    const char *section, const char *changes, int code, const char *field);
/* The message of a kind's section. */
const struct payload_message *scene_message(const struct scene *scene, const char *kind,
                                            const char *section);
/* The rule of a field; NULL: it has none of that name. */
const struct payload_field *scene_field(const struct payload_message *message, const char *name);
/* Whether some field of the message itself is checked so. */
bool scene_has_check(const struct payload_message *message, enum payload_check_kind check);

/* ---- the broker ------------------------------------------------------------------------------*/
/* Sealed as an agent would and taken by the core. The scene frees it. */
struct district_letter *scene_send(struct scene *scene, const char *kind, const char *topic,
                                   const char *from, const struct district_letter *parent);
/* The same with a reason for coming before what should have come first. */
struct district_letter *scene_send_early(struct scene *scene, const char *kind, const char *topic,
                                         const char *from, const struct district_letter *parent);
struct district_letter *scene_send_draft(struct scene *scene, const struct district_draft *draft);
/* The core, or the routing before it, answers with this code. */
void expect_refused(struct scene *scene, const char *kind, const char *topic, const char *from,
                    const struct district_letter *parent, int code);
void expect_draft_refused(struct scene *scene, const struct district_draft *draft, int code);
/* A copy of the records so far, for who folds them again; the caller frees. */
void scene_records(const struct scene *scene, struct buf **ret_records, size_t *ret_count);
/* What the core, or the routing before it, would answer; nothing is taken. */
int scene_try(struct scene *scene, const struct district_draft *draft);
/* The district's bundle of this version comes into force, after district_edit. */
void scene_install(struct scene *scene, uint64_t version);
/* Lets fall what is due by now; how many records that were. */
size_t scene_tick(struct scene *scene);
/* The same; how many of them are alarms that the unit is told of. */
size_t scene_alarms(struct scene *scene, const char *unit);
/* The unit's machine acknowledges everything in a lane. */
void scene_acknowledge(struct scene *scene, const char *unit, unsigned lane);
/* Where the leg of a unit for a message stands; LIFECYCLE_STATE_COUNT: it has none. */
enum lifecycle_state scene_leg(const struct scene *scene, const struct district_letter *letter,
                               const char *unit);
/* As the core has that leg; the test fails where there is none. */
struct core_leg scene_leg_view(const struct scene *scene, const struct district_letter *letter,
                               const char *unit);
size_t scene_leg_count(const struct scene *scene, const struct district_letter *letter);
/* Whether a message of the journal waits for a unit, and in which lane (-1: it does not). */
int scene_waits(const struct scene *scene, const struct district_letter *letter, const char *unit);

#endif
