/* What a broker says to a unit's engine: the first byte chooses one of the frames of an honest
 * conversation (welcome, delivery, receipt, acked, proof, keys, bundle, refusal), the rest is an
 * edit of it; it is said in place of that frame and once more at the end. Nothing crashes, no error
 * but the environment's comes out, and what stands in the inbox was proved or is marked. */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fake_broker.h"

static struct edit {
    const uint8_t *data;
    size_t len;
    size_t wanted, at;
} edit;
static struct buf last; /* what was said in place of the frame */

static void bend(struct fake *fake, struct buf *bytes)
{
    struct buf edited = {0};
    (void)fake;
    if (edit.at++ != edit.wanted) return;
    fuzz_edit(buf_bytes(bytes), edit.data, edit.len, &edited);
    buf_reset(&last);
    buf_append_bytes(&last, buf_bytes(&edited));
    buf_fini(bytes);
    *bytes = edited;
}

static void say(struct fake *fake, struct fake_unit *from, const char *kind,
                const struct seal_section *sections, size_t count)
{
    uint8_t id[16];
    struct engine_draft draft = {.kind = kind,
                                 .topic = "",
                                 .area = "",
                                 .officer = "",
                                 .purpose = "",
                                 .sections = sections,
                                 .section_count = count};
    (void)!engine_stage(from->engine, fake_moment(fake), &draft, id, NULL);
    fake_run(fake);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct seal_section report[] = {{"summary", {(const uint8_t *)"codes", 5}},
                                                 {"full", {(const uint8_t *)"what", 4}}};
    static const struct seal_section bulletin[] = {{"notice", {(const uint8_t *)"news", 4}}};
    static struct fake fake;
    static struct district *district;
    if (len == 0) return 0;
    edit = (struct edit){data + 1, len - 1, data[0] % 24, 0};
    if (!district) district = district_new();
    fake_init_on(&fake, district);
    (void)fake_append(&fake, bytes_of_str("genesis"));
    struct fake_unit *school = fake_add(&fake, "education");
    struct fake_unit *police = fake_add(&fake, "police-hedong");
    fake.bend_bytes = bend;
    fake_online(&fake, school);
    fake_online(&fake, police);
    say(&fake, school, "lead.suspected-trafficking", report, 2);
    fake.refuse_code = (uint32_t)-E_BUSY;
    say(&fake, school, "notice.bulletin", bulletin, 1);
    fake.district->now_ms += 3600000;
    fake_run(&fake);
    say(&fake, police, "notice.bulletin", bulletin, 1);
    fake.bend_bytes = NULL;
    for (size_t i = 0; i < fake.unit_count; i++)
        CHECK(engine_frame(fake.units[i].engine, fake_moment(&fake), buf_bytes(&last), NULL) == 0);
    fake_run(&fake);
    fake_fini(&fake);
    buf_fini(&last);
    return 0;
}
