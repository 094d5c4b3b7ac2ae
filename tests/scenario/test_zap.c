/* The prover itself: it must fail on sockets that let strangers in. */
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "broker/shell/zap.h"

#include <cmocka.h>

struct place {
    void *context, *router;
    uint8_t public_key[32], secret_key[32];
    char endpoint[128];
};

static void place_init(struct place *place, bool curve)
{
    const int one = 1, linger_ms = 0;
    assert_true(sodium_init() >= 0);
    randombytes_buf(place->secret_key, 32);
    assert_int_equal(crypto_scalarmult_base(place->public_key, place->secret_key), 0);
    place->context = zmq_ctx_new();
    place->router = zmq_socket(place->context, ZMQ_ROUTER);
    assert_non_null(place->router);
    zmq_setsockopt(place->router, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
    if (curve) {
        assert_int_equal(zmq_setsockopt(place->router, ZMQ_CURVE_SERVER, &one, sizeof one), 0);
        assert_int_equal(zmq_setsockopt(place->router, ZMQ_CURVE_SECRETKEY, place->secret_key, 32),
                         0);
    }
}

static void place_bind(struct place *place)
{
    size_t len = sizeof place->endpoint;
    assert_int_equal(zmq_bind(place->router, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(place->router, ZMQ_LAST_ENDPOINT, place->endpoint, &len), 0);
}

static void place_fini(struct place *place)
{
    zmq_close(place->router);
    zmq_ctx_term(place->context);
}

static void curve_without_a_handler_is_found_out(void **state)
{
    (void)state;
    struct place place;
    struct error error = {0};
    place_init(&place, true);
    place_bind(&place);
    assert_int_equal(zap_prove(place.context, place.endpoint, place.public_key, &error),
                     E_ZAP_NOT_ENFORCED);
    assert_non_null(strstr(error.detail, "unknown key was let in"));
    place_fini(&place);
}

static void a_socket_without_curve_is_found_out(void **state)
{
    (void)state;
    struct place place;
    struct error error = {0};
    place_init(&place, false);
    place_bind(&place);
    assert_int_equal(zap_prove(place.context, place.endpoint, place.public_key, &error),
                     E_ZAP_NOT_ENFORCED);
    place_fini(&place);
}

static void a_handler_that_knows_nobody_holds(void **state)
{
    (void)state;
    struct place place;
    struct error error = {0};
    struct directory_box box;
    static struct counters counters;
    struct zap *zap = NULL;
    const int one = 1;
    place_init(&place, true);
    directory_box_init(&box);
    assert_int_equal(zap_start(place.context, &box, &counters, 8, &zap, &error), 0);
    zap_serving(zap);
    assert_int_equal(zmq_setsockopt(place.router, ZMQ_ZAP_DOMAIN, ZAP_DOMAIN, strlen(ZAP_DOMAIN)),
                     0);
    assert_int_equal(zmq_setsockopt(place.router, ZAP_ENFORCE_DOMAIN_OPTION, &one, sizeof one), 0);
    place_bind(&place);
    /* No directory yet: strangers hear "come again", which is no proof of being refused for good,
     * but nobody is let in either. */
    int code = zap_prove(place.context, place.endpoint, place.public_key, &error);
    if (code) assert_null(strstr(error.detail, "let in"));
    assert_true(atomic_load(&counters.handshakes_refused) > 0);
    zap_stop(zap);
    directory_box_fini(&box);
    place_fini(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curve_without_a_handler_is_found_out),
        cmocka_unit_test(a_socket_without_curve_is_found_out),
        cmocka_unit_test(a_handler_that_knows_nobody_holds),
    };
    return cmocka_run_group_tests_name("zap", tests, NULL, NULL);
}
