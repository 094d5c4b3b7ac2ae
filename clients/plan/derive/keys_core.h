/* keys_core: what a unit's name is about, whatever place and kind of body it is given.
 *
 * 区公安分局, 公安局, 公安机关 and 公安河东分局 are about 公安; 区卫健委 and 河东区卫生健康委员会
 * about 卫健. Only for likening names to one another: what is found by it a person must look at.
 * Pure. */
#ifndef CLIENTS_PLAN_DERIVE_KEYS_CORE_H
#define CLIENTS_PLAN_DERIVE_KEYS_CORE_H

#include "clients/plan/derive/words.h"

struct key_core {
    uint64_t hash;  /* of what it is about; 0: that cannot be said */
    uint32_t level; /* 省, 市, 区 or 县, as the name begins; 0: it does not say */
};
struct key_core key_core_of(struct span name);
/* Could both be names of one unit? Equal, and not of two levels. */
bool key_core_alike(struct key_core a, struct key_core b);

#endif
