/* cover: which faults met leads in which states. It says what a run went through, and judges
 * nothing.
 *
 * A cell of the table counts the faults of one kind that happened while a lead whose matter it was
 * stood in a state: a fault at a unit, at its disk or on its line is the matter of what it sends
 * (the states up to RECEIPTED) and of what it is a recipient of (WAITING and after); one at the
 * broker, and a new bundle, of every lead. A fault counts once in a cell, however many leads stood
 * there. States are what history and the journal's writing show, not what anybody's memory says.
 *
 * STAGED lasts for one call of the library, in which a simulated world does nothing else: only the
 * unit's own disk, and the weather on its line, can meet it. Those other cells are never filled
 * (cover_can); of every other one an empty cell over many seeds is a hole in the proof. */
#ifndef TESTS_SIM_COVER_H
#define TESTS_SIM_COVER_H

#include <stdio.h>

#include "broker/store/store.h"
#include "proto/schema/wire.pb-c.h"
#include "tests/lib/vfs.h"

enum cover_state {
#define STATE(name, ...) COVER_##name,
#define FAULT(...)
#include "tests/sim/cover.def"
#undef STATE
#undef FAULT
    COVER_STATE_COUNT,
};
enum cover_fault {
#define STATE(...)
#define FAULT(name, ...) COVER_##name,
#include "tests/sim/cover.def"
#undef STATE
#undef FAULT
    COVER_FAULT_COUNT,
};
/* In the place of a unit's number: the broker. */
#define COVER_BUS SIZE_MAX

struct town;
struct cover;

struct cover *cover_new(struct town *town);
void cover_free(struct cover *cover);

/* What happened to leads. */
void cover_staging(struct cover *cover, size_t unit, bool begins);
void cover_taken(struct cover *cover, size_t unit, const uint8_t id[16]);
void cover_frame(struct cover *cover, size_t unit, const Leadbus__Frame *frame);
void cover_forgot(struct cover *cover, size_t unit); /* its disk is not what it was */

/* What went wrong. */
void cover_met(struct cover *cover, enum cover_fault fault, size_t unit);
void cover_disk_met(struct cover *cover, size_t unit, enum vfs_fault fault);
void cover_settled(struct cover *cover, size_t unit, const struct vfs_settled *settled);

/* Kinds of fault that happened. */
size_t cover_kinds(const struct cover *cover);
/* Faults at which a program or a machine ended: killed, without power, or at a failing disk. */
uint64_t cover_crashes(const struct cover *cover);
bool cover_can(enum cover_fault fault, enum cover_state state);
/* "faults": {slug: count}, "cells": {slug: [count by state]}; rows that are not zero. */
void cover_print(const struct cover *cover, FILE *to);
/* States, faults and the cells that nothing can fill, as JSON. */
void cover_print_names(FILE *to);

#endif
