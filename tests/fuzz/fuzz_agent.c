/* Requests to an agent's API: texts as of agent_scene.h with a line of one form feed between them.
 * Each is answered, once, with a status that docs/openapi.yaml has for its route or a problem with
 * a code of errors.def and the status of that code; what says that it is JSON is JSON; over TCP
 * without the token nothing is told and nothing is written; what is wrong by its form writes
 * nothing; and the same requests on the same store get the same statuses. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/base/check.h"
#include "tests/fuzz/agent_routes.h"
#include "tests/fuzz/agent_scene.h"
#include "tests/fuzz/fuzz.h"

enum { REQUESTS_MAX = 8 };
static const char SEPARATOR[] = "\n\f\n";

struct verdicts {
    size_t count;
    unsigned statuses[REQUESTS_MAX];
};

static json_t *json_of(const struct fake_mhd_answer *answer)
{
    json_t *json = json_loadb((const char *)answer->body.data, answer->body.len,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    CHECK(json != NULL);
    return json;
}

/* The problem's code. */
static int check_problem(const struct fake_mhd_answer *answer)
{
    json_t *json = json_of(answer);
    const char *name = json_string_value(json_object_get(json, "code"));
    int code = name ? error_code_of(name) : 0;
    CHECK(code != 0);
    CHECK(json_integer_value(json_object_get(json, "status")) == answer->status);
    CHECK(answer->status == http_status_of(code) || answer->status == 400);
    CHECK(json_string_length(json_object_get(json, "title_zh")) > 0);
    CHECK(json_string_length(json_object_get(json, "title_en")) > 0);
    CHECK(json_is_boolean(json_object_get(json, "retryable")));
    json_decref(json);
    return code;
}

static bool has_token(struct bytes text)
{
    static const char token[] = AGENT_SCENE_TOKEN;
    return memmem(text.data, text.len, token, sizeof token - 1) != NULL;
}

static void check(struct bytes text, const struct fake_mhd_answer *answer, bool wrote)
{
    const struct http_route *route = fake_mhd_route();
    bool problem = strcmp(answer->content_type, "application/problem+json") == 0;
    CHECK(!answer->broken && answer->count == 1);
    CHECK(answer->content_type[0] != 0);
    if (problem)
        (void)check_problem(answer);
    else
        CHECK(route != NULL && agent_routes_documents(route, answer->status));
    if (problem) CHECK(answer->status >= 400);
    if (!problem && !answer->source && answer->body.len > 0 &&
        strcmp(answer->content_type, "application/json") == 0)
        json_decref(json_of(answer));
    CHECK(!answer->cut_short);
    if (answer->status == 400 || answer->status == 401 || answer->status == 405) CHECK(!wrote);
    if (text.len > 0 && text.data[0] == '!' && !has_token(text)) {
        CHECK(!wrote);
        CHECK(problem || route->open);
    }
}

static void run_all(struct bytes input, struct verdicts *ret)
{
    *ret = (struct verdicts){0};
    while (ret->count < REQUESTS_MAX) {
        const uint8_t *cut =
            input.len ? memmem(input.data, input.len, SEPARATOR, sizeof SEPARATOR - 1) : NULL;
        size_t len = cut ? (size_t)(cut - input.data) : input.len;
        struct fake_mhd_answer answer;
        uint64_t writes = agent_scene_writes();
        agent_scene_request(bytes_of(input.data, len), &answer);
        check(bytes_of(input.data, len), &answer, agent_scene_writes() != writes);
        agent_routes_note(fake_mhd_route(), answer.status);
        ret->statuses[ret->count++] = answer.status;
        buf_fini(&answer.body);
        if (!cut) break;
        len += sizeof SEPARATOR - 1;
        input = bytes_of(input.data + len, input.len - len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static bool stale = true; /* the scene is not as it was made */
    struct verdicts first, second;
    for (int turn = 0; turn < 2; turn++) {
        if (stale) agent_scene_begin();
        uint64_t writes = agent_scene_writes();
        run_all(bytes_of(data, len), turn ? &second : &first);
        stale = agent_scene_writes() != writes;
    }
    CHECK(first.count == second.count);
    CHECK(memcmp(first.statuses, second.statuses, first.count * sizeof *first.statuses) == 0);
    return 0;
}
