#include "proto/payload/payload_cross.h"

#include <stdio.h>
#include <string.h>

#include "proto/schema/payload.pb-c.h"

struct place {
    const char *topic; /* never NULL */
    const char *path;
    struct error *error;
};

static int refuse(const struct place *place, int code, const char *field, const char *detail)
{
    char path[ERROR_FIELD_LEN_MAX + 1];
    snprintf(path, sizeof path, "%s.%s", place->path, field);
    return error_set(place->error, code, path, "%s", detail);
}

/* The section says what the topic says: the broker routed by the topic. */
static int same_as_topic(const struct place *place, const char *field, const char *value)
{
    if (!place->topic[0] || strcmp(value, place->topic) == 0) return 0;
    return refuse(place, E_BAD_VALUE, field, "must equal the message's topic");
}

static int referral_summary(const struct place *place, const ProtobufCMessage *content)
{
    const Leadbus__Payload__ReferralSummary *summary =
        (const Leadbus__Payload__ReferralSummary *)content;
    return same_as_topic(place, "service", summary->service);
}

/* Work is for those of 16 and over. */
static int referral_full(const struct place *place, const ProtobufCMessage *content)
{
    const Leadbus__Payload__ReferralFull *full = (const Leadbus__Payload__ReferralFull *)content;
    if (strcmp(full->service, "employment") == 0 && full->person &&
        ((full->person->age_years && full->person->age_years < 16) || full->person->age_months))
        return refuse(place, E_BAD_VALUE, "person.age_years",
                      "employment is for persons of 16 years and over");
    return same_as_topic(place, "service", full->service);
}

static int birth_summary(const struct place *place, const ProtobufCMessage *content)
{
    return same_as_topic(place, "doubt", ((const Leadbus__Payload__BirthSummary *)content)->doubt);
}

static int ordered(const struct place *place, const char *from, const char *to)
{
    if (!*from || !*to || strcmp(from, to) <= 0) return 0;
    return refuse(place, E_BAD_VALUE, "period_to", "not before period_from");
}

static int verify_full(const struct place *place, const ProtobufCMessage *content)
{
    const Leadbus__Payload__VerifyFull *full = (const Leadbus__Payload__VerifyFull *)content;
    int status = same_as_topic(place, "purpose", full->purpose);
    return status ? status : ordered(place, full->period_from, full->period_to);
}

static int bulletin(const struct place *place, const ProtobufCMessage *content)
{
    const Leadbus__Payload__Bulletin *notice = (const Leadbus__Payload__Bulletin *)content;
    return ordered(place, notice->period_from, notice->period_to);
}

static int missing_child_alert(const struct place *place, const ProtobufCMessage *content)
{
    const Leadbus__Payload__MissingChildAlert *alert =
        (const Leadbus__Payload__MissingChildAlert *)content;
    if (alert->valid_until <= alert->lost_at)
        return refuse(place, E_BAD_VALUE, "valid_until", "after lost_at");
    if ((alert->latitude_udeg || alert->longitude_udeg) && !*alert->datum)
        return refuse(place, E_MISSING_FIELD, "datum", "coordinates need their datum");
    return 0;
}

static int street_minor_full(const struct place *place, const ProtobufCMessage *content)
{
    const Leadbus__Payload__StreetMinorFull *full =
        (const Leadbus__Payload__StreetMinorFull *)content;
    if ((full->latitude_udeg || full->longitude_udeg) && !*full->datum)
        return refuse(place, E_MISSING_FIELD, "datum", "coordinates need their datum");
    return 0;
}

/* The procuratorate supervises refusals: they come with a reason. */
static int receipt_closed(const struct place *place, const ProtobufCMessage *content)
{
    const Leadbus__Payload__ReceiptClosed *receipt =
        (const Leadbus__Payload__ReceiptClosed *)content;
    if (strcmp(place->topic, "no-case") == 0 && !*receipt->text)
        return refuse(place, E_MISSING_FIELD, "text", "an outcome of no-case needs its reason");
    return 0;
}

static const struct {
    const ProtobufCMessageDescriptor *descriptor;
    int (*check)(const struct place *place, const ProtobufCMessage *content);
} rules[] = {
    {&leadbus__payload__referral_summary__descriptor, referral_summary},
    {&leadbus__payload__referral_full__descriptor, referral_full},
    {&leadbus__payload__birth_summary__descriptor, birth_summary},
    {&leadbus__payload__verify_full__descriptor, verify_full},
    {&leadbus__payload__bulletin__descriptor, bulletin},
    {&leadbus__payload__missing_child_alert__descriptor, missing_child_alert},
    {&leadbus__payload__street_minor_full__descriptor, street_minor_full},
    {&leadbus__payload__receipt_closed__descriptor, receipt_closed},
};

int payload_cross_check(const ProtobufCMessage *content, const char *topic, const char *path,
                        struct error *ret_error)
{
    struct place place = {topic ? topic : "", path, ret_error};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].descriptor == content->descriptor) return rules[i].check(&place, content);
    return 0;
}
