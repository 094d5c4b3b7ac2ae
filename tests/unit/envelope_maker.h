/* Envelopes for tests: a sender, recipients with epoch keys, sections, all from fixed bytes. */
#ifndef TESTS_UNIT_ENVELOPE_MAKER_H
#define TESTS_UNIT_ENVELOPE_MAKER_H

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/envelope.h"

enum { MAKER_NAME_LEN_MAX = 24 };

struct maker {
    uint8_t identity_public[32], identity_secret[64];
    uint8_t session_secret[32], session_public[32];
    uint8_t entropy[ENVELOPE_SEAL_ENTROPY_LEN];
    uint8_t id[16];
    Leadbus__Header head;
    size_t recipient_count, section_count;
    char units[LIMIT_RECIPIENT_COUNT_MAX][MAKER_NAME_LEN_MAX];
    uint8_t epoch_secrets[LIMIT_RECIPIENT_COUNT_MAX][32];
    uint8_t epoch_publics[LIMIT_RECIPIENT_COUNT_MAX][32];
    uint8_t keks[LIMIT_RECIPIENT_COUNT_MAX][32];
    struct seal_recipient recipients[LIMIT_RECIPIENT_COUNT_MAX];
    struct seal_section sections[LIMIT_SECTION_COUNT_MAX];
};

/* The pointers of head and recipients go into the maker: it must not move afterwards. Recipient i
 * is "unit-i", epoch i + 1, may open all sections; sections are named s0..s3 and empty. */
static inline void maker_init(struct maker *maker, size_t recipient_count, size_t section_count)
{
    static const char *const names[] = {"s0", "s1", "s2", "s3"};
    uint8_t seed[32];
    const struct suite *suite = suite_find(SUITE_1);
    memset(maker, 0, sizeof *maker);
    memset(seed, 7, sizeof seed);
    crypto_sign_seed_keypair(maker->identity_public, maker->identity_secret, seed);
    memset(maker->session_secret, 9, sizeof maker->session_secret);
    suite->public_of(maker->session_secret, maker->session_public);
    for (size_t i = 0; i < sizeof maker->entropy; i++) maker->entropy[i] = (uint8_t)(i * 5 + 1);
    memset(maker->id, 0x1d, sizeof maker->id);

    Leadbus__Header *head = &maker->head;
    leadbus__header__init(head);
    head->suite = SUITE_1;
    head->id = (ProtobufCBinaryData){16, maker->id};
    head->thread = (ProtobufCBinaryData){16, maker->id};
    head->kind = (char *)(uintptr_t) "notice.bulletin";
    head->from = (char *)(uintptr_t) "civil-affairs";
    head->serial = 77;
    head->seq = 1;
    head->created_ms = 1700000000000;
    head->bundle = 1;
    head->urgency = 4;
    head->level = 1;
    head->session_key = (ProtobufCBinaryData){32, maker->session_public};

    maker->section_count = section_count;
    for (size_t i = 0; i < section_count; i++) maker->sections[i].name = names[i];
    maker->recipient_count = recipient_count;
    for (size_t i = 0; i < recipient_count; i++) {
        struct seal_recipient *recipient = &maker->recipients[i];
        snprintf(maker->units[i], sizeof maker->units[i], "unit-%zu", i);
        memset(maker->epoch_secrets[i], (int)(i + 100), 32);
        suite->public_of(maker->epoch_secrets[i], maker->epoch_publics[i]);
        *recipient = (struct seal_recipient){
            .unit = maker->units[i],
            .act = ENVELOPE_ACT_SIGN,
            .citation = "lead:2.1.3.1",
            .sections = (1u << section_count) - 1,
            .epoch = i + 1,
            .epoch_public = maker->epoch_publics[i],
            .kek = maker->keks[i],
            .pair_seq = i + 5,
        };
        memset(recipient->previous_hash, (int)i, 32);
        CHECK(envelope_kek(&(struct envelope_kek_input){.suite = SUITE_1,
                                                        .own_secret = maker->session_secret,
                                                        .peer_public = maker->epoch_publics[i],
                                                        .session_public = maker->session_public,
                                                        .epoch_public = maker->epoch_publics[i],
                                                        .from = head->from,
                                                        .serial = head->serial,
                                                        .unit = recipient->unit,
                                                        .epoch = recipient->epoch},
                           maker->keks[i]) == 0);
    }
}

static inline void maker_unkey(struct maker *maker, size_t i)
{
    maker->recipients[i].epoch = 0;
    maker->recipients[i].epoch_public = NULL;
    maker->recipients[i].kek = NULL;
}

static inline int maker_seal(const struct maker *maker, struct sealed *ret, struct error *ret_error)
{
    return envelope_seal(&(struct seal_input){.head = &maker->head,
                                              .sections = maker->sections,
                                              .section_count = maker->section_count,
                                              .recipients = maker->recipients,
                                              .recipient_count = maker->recipient_count,
                                              .identity_secret = maker->identity_secret,
                                              .entropy = maker->entropy},
                         ret, ret_error);
}

#endif
