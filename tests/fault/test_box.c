/* A unit's store on a disk on which the thing at N goes wrong, for N = 1, 2, ... until its work no
 * longer comes to it; the sender's disk, and the recipient's. Its program ends at the first error,
 * the power goes, it starts again. Everything that its people were told was taken is receipted and
 * stands in the recipient's inbox once; nothing stands there twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/vfs.h"
#include "tests/unit/fake_broker.h"

enum { LEAD_COUNT = 4, FAULT_COUNT_MAX = 2000, RESTART_COUNT_MAX = 8 };

static struct vfs_disk *disk;
static char folder[64], on_disk[80], box_path[128];
static struct fake fake;
static struct district *district;
static bool faulted; /* it has come to the fault of this run */

static int make(void **state)
{
    (void)state;
    vfs_install(NULL);
    (void)snprintf(folder, sizeof folder, "/tmp/leadbus-fault.XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(on_disk, sizeof on_disk, "%s/disk", folder);
    CHECK(mkdir(on_disk, 0700) == 0);
    (void)snprintf(box_path, sizeof box_path, "%s/box.db", on_disk);
    disk = vfs_disk_new(on_disk, 13);
    district = district_new();
    return 0;
}

static int clean(void **state)
{
    char command[128];
    (void)state;
    vfs_disk_free(disk);
    district_free(district);
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

/* ---- a unit whose program may end -------------------------------------------------------------*/

static int start(struct fake_unit *unit)
{
    unit->engine = NULL;
    unit->box = NULL;
    const struct engine_options options = {.send_window = 8,
                                           .credit = 64,
                                           .outbox_max = 100,
                                           .session_ms = 900000,
                                           .changed = fake_changed,
                                           .ctx = unit};
    int r = box_open(box_path, &unit->box, NULL);
    if (r == 0)
        r = engine_new(&options, unit->box, &unit->keyring, &fake.root,
                       district_bundle_open(fake.district, 1), fake_moment(&fake), &unit->engine,
                       NULL);
    return r;
}

static void end(struct fake_unit *unit)
{
    engine_free(unit->engine);
    box_close(unit->box);
}

/* As the broker does it after a greeting: everything behind what was acknowledged. */
static void deliver_rest(struct fake_unit *unit)
{
    for (size_t i = 0; i < unit->delivered_count && !unit->failed; i++) {
        struct merkle_proof proof;
        struct merkle_reader reader = fake_reader(&fake);
        ProtobufCBinaryData path[64];
        Leadbus__Frame *frame =
            leadbus__frame__unpack(NULL, unit->delivered[i].len, unit->delivered[i].data);
        Leadbus__Delivery delivery = *frame->delivery;
        if (delivery.position > unit->acked[delivery.lane]) {
            Leadbus__Frame reply = LEADBUS__FRAME__INIT;
            CHECK(merkle_prove_inclusion(&reader, delivery.index, fake.size, &proof, NULL) == 0);
            delivery.n_inclusion = fake_path(&proof, path);
            delivery.inclusion = path;
            delivery.checkpoint = fake_binary(fake.checkpoint.data, fake.checkpoint.len);
            reply.body_case = LEADBUS__FRAME__BODY_DELIVERY;
            reply.delivery = &delivery;
            fake_say(&fake, unit, &reply);
        }
        leadbus__frame__free_unpacked(frame, NULL);
    }
    fake_run(&fake);
}

/* Starts it again until it stands: how often that was tried. */
static int revive(struct fake_unit *unit, bool power)
{
    int times = 0;
    while (unit->failed) {
        assert_true(times++ < RESTART_COUNT_MAX);
        end(unit);
        faulted = faulted || vfs_disk_faulted(disk);
        vfs_disk_fault(disk, VFS_NO_FAULT, 0, false);
        if (power) vfs_disk_power_cut(disk);
        unit->failed = start(unit);
        if (unit->failed) continue;
        fake_online(&fake, unit);
        deliver_rest(unit);
    }
    return times;
}

/* ---- the work ---------------------------------------------------------------------------------*/

static int submit(struct fake_unit *unit, uint8_t id[16])
{
    static const struct seal_section report[] = {{"summary", {(const uint8_t *)"codes", 5}},
                                                 {"full", {(const uint8_t *)"what", 4}}};
    const struct engine_draft draft = {.kind = "lead.suspected-trafficking",
                                       .topic = "",
                                       .area = "",
                                       .officer = "",
                                       .purpose = "",
                                       .sections = report,
                                       .section_count = 2};
    int r = engine_stage(unit->engine, fake_moment(&fake), &draft, id, NULL);
    if (r == 0) r = engine_flush(unit->engine, fake_moment(&fake), NULL);
    if (r == 0) r = box_commit(unit->box, NULL);
    if (r != 0) unit->failed = r;
    return r;
}

static int count_message(void *ctx, const struct box_in *row)
{
    *(int *)ctx += row->type == BOX_IN_MESSAGE;
    return 0;
}

/* What the journal has for the recipient, each once. */
static size_t distinct_delivered(const struct fake_unit *unit)
{
    static uint8_t ids[LEAD_COUNT * 4][16];
    size_t count = 0;
    for (size_t i = 0; i < unit->delivered_count; i++) {
        Leadbus__Frame *frame =
            leadbus__frame__unpack(NULL, unit->delivered[i].len, unit->delivered[i].data);
        struct arena arena;
        struct envelope envelope;
        size_t at = 0;
        arena_init(&arena, (size_t)1 << 20);
        CHECK(envelope_from_message(frame->delivery->envelope, &arena, &envelope, NULL) == 0);
        while (at < count && memcmp(ids[at], envelope.head->id.data, 16) != 0) at++;
        CHECK(at < sizeof ids / sizeof ids[0]);
        if (at == count) memcpy(ids[count++], envelope.head->id.data, 16);
        arena_fini(&arena);
        leadbus__frame__free_unpacked(frame, NULL);
    }
    return count;
}

static void check(struct fake_unit *sender, struct fake_unit *reader, uint8_t ids[][16])
{
    struct box_out out;
    struct box_in in;
    int count = 0;
    for (int i = 0; i < LEAD_COUNT; i++) {
        assert_int_equal(box_out_find(sender->box, ids[i], &out, NULL), 0);
        assert_int_equal(out.state, BOX_OUT_RECEIPTED);
        assert_int_equal(box_in_find(reader->box, ids[i], &in, NULL), 0);
        assert_true(in.proved);
    }
    assert_int_equal(box_in_each(reader->box, 0, 1000, count_message, &count, NULL), 0);
    assert_int_equal(count, distinct_delivered(reader));
    for (unsigned lane = 0; lane < 2; lane++)
        assert_int_equal(reader->acked[lane], reader->position[lane]);
}

static bool work(bool of_sender, enum vfs_fault fault, int n, bool lasting, bool power)
{
    uint8_t ids[LEAD_COUNT][16];
    faulted = false;
    fake_init_on(&fake, district);
    (void)fake_append(&fake, bytes_of_str("genesis"));
    fake.may_fail = true;
    struct fake_unit *sender = fake_add(&fake, "education");
    struct fake_unit *reader = fake_add(&fake, "police-hedong");
    struct fake_unit *unit = of_sender ? sender : reader;
    end(unit);
    unit->failed = E_IO; /* not started yet */
    vfs_disk_clear(disk);
    vfs_disk_fault(disk, fault, (uint64_t)n, lasting);
    fake_online(&fake, of_sender ? reader : sender);
    unit->failed = start(unit);
    if (!unit->failed) fake_online(&fake, unit);
    (void)revive(unit, power);
    for (int i = 0; i < LEAD_COUNT; i++) {
        while (submit(sender, ids[i]) != 0) (void)revive(sender, power); /* its people try again */
        fake_run(&fake);
        (void)revive(unit, power);
        fake.district->now_ms += 60000;
        fake_run(&fake);
        (void)revive(unit, power);
    }
    faulted = faulted || vfs_disk_faulted(disk);
    check(sender, reader, ids);
    fake_fini(&fake);
    return faulted;
}

static void sweep(bool of_sender, enum vfs_fault fault, bool lasting, bool power)
{
    int n = 1;
    while (work(of_sender, fault, n, lasting, power)) assert_true(++n < FAULT_COUNT_MAX);
    assert_in_range(n, 20, FAULT_COUNT_MAX); /* it came to that many things */
    print_message("%d faults\n", n - 1);
}

#define SWEEP(name, of_sender, fault, lasting, power)                                              \
    static void name(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        sweep(of_sender, fault, lasting, power);                                                   \
    }
SWEEP(of_the_sender_an_io_error, true, VFS_FAIL_IO, false, false)
SWEEP(of_the_sender_an_io_error_and_the_power, true, VFS_FAIL_IO, false, true)
SWEEP(of_the_sender_no_room, true, VFS_FAIL_FULL, true, true)
SWEEP(of_the_sender_the_machine, true, VFS_FAIL_DEAD, true, true)
SWEEP(of_the_recipient_an_io_error, false, VFS_FAIL_IO, false, false)
SWEEP(of_the_recipient_an_io_error_and_the_power, false, VFS_FAIL_IO, false, true)
SWEEP(of_the_recipient_no_room, false, VFS_FAIL_FULL, true, true)
SWEEP(of_the_recipient_the_machine, false, VFS_FAIL_DEAD, true, true)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_the_sender_an_io_error),
        cmocka_unit_test(of_the_sender_an_io_error_and_the_power),
        cmocka_unit_test(of_the_sender_no_room),
        cmocka_unit_test(of_the_sender_the_machine),
        cmocka_unit_test(of_the_recipient_an_io_error),
        cmocka_unit_test(of_the_recipient_an_io_error_and_the_power),
        cmocka_unit_test(of_the_recipient_no_room),
        cmocka_unit_test(of_the_recipient_the_machine),
    };
    return cmocka_run_group_tests(tests, make, clean);
}
